"""The Heffl API as a small library: no Django, no database, no retries.

`contract` says what Heffl takes and gives, `api.HefflAPI` makes one call per method,
`outcome.Outcome` says what became of it. A call never raises for what happened on the
wire; whether anything was sent is told by the phase that the transport recorded.
"""
