# Heffl Portal. `make run` and `make test` need Python 3.11 or later, make and git; the rest they bring.
# What comes after ## is what `make help` shows.

PY := .venv/bin/python
ARGS ?=

# What looks at the settings sees an installation as production has it, with secrets made
# for the moment.
PRODUCTION = env -u DEBUG -u DATABASE_URL -u HEFFL_API_URL -u MFA_REQUIRED_ROLES \
	SECRET_KEY="$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(64))')" \
	PORTAL_KEYRING="$$($(PY) -c 'import base64, os; print("check:" + base64.b64encode(os.urandom(32)).decode())')" \
	ALLOWED_HOSTS=portal.example.com TRUSTED_PROXY_COUNT=1

# Formats and checks scripts and stylesheets. For developers only: pip brings its Node.
BIOME := .venv/bin/node node_modules/@biomejs/biome/bin/biome
# Lays out Django's own tags; lines and indentation are for people to choose.
DJADE := .venv/bin/djade --target-version 5.2

.DEFAULT_GOAL := help
.PHONY: help run test quick soak fuzz attack approve bench sandbox check fmt format lint types layers migrations \
	deploy-check secrets pins known-holes sbom requirements messages house map \
	installed installed-dev

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

run: installed ## start the portal with everything it needs; PORT=8000 moves it
	@exec $(PY) -m scripts.run

test: installed-dev ## run all tests on SQLite, PostgreSQL and Chromium; ARGS="-k word" for some
	@exec $(PY) -m scripts.test $(ARGS)

quick: installed-dev ## what a minute allows: SQLite alone, no browser, nothing marked slow; ARGS="-k word" for some
	@exec $(PY) -m scripts.test --quick $(ARGS)

check: installed-dev format lint types layers migrations deploy-check secrets pins known-holes ## everything a machine can check without running tests
	@echo "All checks passed."

soak: installed-dev ## every fault suite on both databases, one table at the end; ARGS="--only storm" for some
	@exec $(PY) -m tests.soak $(ARGS)

fuzz: installed-dev ## 50,000 requests that no browser makes, in ten minutes; ARGS="--postgresql --seed 7"
	@exec $(PY) -m tests.fuzz $(ARGS)

attack: installed-dev ## attack every door of a running portal and print what came of it; ARGS="--only cost" for some
	@exec $(PY) -m tests.attack $(ARGS)

approve: installed-dev ## take the pictures anew that the main pages are compared with
	APPROVE=1 $(PY) -m pytest tests/browser/test_looks.py -q

bench: installed-dev ## measure speed beside its floors and print ratios
	@set -e; for each in benchmarks/[a-z]*.py; do \
		[ -f "$$each" ] || continue; \
		name=$${each#benchmarks/}; echo "== $${name%.py}"; \
		$(PY) -m benchmarks.$${name%.py} $(ARGS); \
	done

sandbox: installed ## run the local stand-in for Heffl alone, on port 8100
	@exec $(PY) -m heffl_sandbox --port 8100 $(ARGS)

fmt: installed-dev node_modules ## put every file into the one format
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .
	$(BIOME) check --write .
	@find templates -name '*.html' | xargs $(DJADE) || true # it fails when it has changed a file

format: installed-dev node_modules
	$(PY) -m ruff format --check .
	$(BIOME) format .
	find templates -name '*.html' | xargs $(DJADE) --check

lint: installed-dev node_modules ## ruff and Biome
	$(PY) -m ruff check .
	$(BIOME) lint --error-on-warnings .

types: installed-dev ## mypy, strict
	@$(PRODUCTION) $(PY) -m mypy

layers: installed-dev ## who may import whom
	.venv/bin/lint-imports

migrations: installed-dev
	@$(PRODUCTION) DATABASE_URL=sqlite://:memory: $(PY) manage.py makemigrations --check --dry-run

deploy-check: installed-dev
	@$(PRODUCTION) DATABASE_URL=sqlite://:memory: $(PY) manage.py check --deploy --fail-level WARNING

secrets: installed-dev
	@$(PY) -m scripts.secret_scan

pins: installed-dev
	@$(PY) -m scripts.pins

# Needs GNU gettext.
messages: installed-dev ## bring locale/ in step with the words of code and templates
	@$(PRODUCTION) DATABASE_URL=sqlite://:memory: $(PY) manage.py makemessages --locale ar --no-obsolete \
		--add-location file --no-wrap --ignore 'benchmarks/*' --ignore 'heffl_sandbox/*' \
		--ignore 'scripts/*' --ignore 'tests/*' --ignore 'staticfiles/*' --ignore 'var/*' --ignore '.venv/*' \
		--ignore 'node_modules/*'
	@$(PRODUCTION) DATABASE_URL=sqlite://:memory: $(PY) manage.py compilemessages --locale ar --ignore '.venv/*'

known-holes: installed-dev
	@$(PY) -m scripts.known_holes

sbom: installed-dev ## list what the portal is made of, as CycloneDX, in var/sbom.json
	@$(PY) -m scripts.sbom

house: installed-dev ## figures of the house: rooms, files, functions, lines; ARGS="--before REV" beside another revision's
	@exec $(PY) -m scripts.house $(ARGS)

map: installed-dev ## bring the map in docs/architecture.md in step with layers and tables
	@exec $(PY) -m scripts.house --map

requirements: installed-dev ## pin requirements*.in again, with hashes
	$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate requirements.in -o requirements.txt
	$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate requirements-dev.in -o requirements-dev.txt

installed:
	@scripts/bootstrap.sh requirements.txt

installed-dev:
	@scripts/bootstrap.sh requirements-dev.txt

node_modules: package-lock.json | installed-dev
	@.venv/bin/npm ci --ignore-scripts --no-audit --no-fund
	@touch $@
