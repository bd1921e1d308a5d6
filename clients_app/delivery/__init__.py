"""From a stored row to a number: the outbox, the limit of each key, the calls and what came of them.

The promise: every accepted submission is created in Heffl, or is waiting in view of a
person. It is created twice only if (a) Heffl's own list does not show a created client
within ten minutes, (b) a person creates the same client in Heffl meanwhile, (c) the machine
freezes between the deadline check and the first byte for longer than the lease, or (d) a
backup is restored without `after_restore`.

    PENDING ──approve──▶ QUEUED ◀── safe retry, or proved absent (three clean looks, once)
                          │ claim and attempt row, committed before any byte leaves
                          ▼
                        SENDING ── 200/201 with an id ──▶ CREATED
                          ├── refused ──▶ NEEDS_FIX (a person corrects, then QUEUED)
                          ├── nothing sent, 429, key or address refused ──▶ QUEUED (+ hold)
                          └── anything else, a crash, a lease run out ──▶ UNCERTAIN
    UNCERTAIN ── exactly one match in Heffl ──▶ CREATED
              └─ several, weak, unprovable, a second time ──▶ REVIEW (link, send again, drop)
    REJECTED and DROPPED are final and decided by a person, with a reason.

Modules, each importing only from those after it: engine (threads), probes and sweeper (its
housekeeping), relay and reconcile (which send clients and look them up), outbox, holds,
rate_limit, wakeups, clock, timing. Only relay, reconcile and probes call Heffl.
"""
