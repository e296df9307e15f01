# make demo   builds, starts five throw-away hosts, runs a playbook on them twice
# make test   installs what the tests need, then format, clippy, tests, doc tests
# make bench  measures against what people would use instead
.PHONY: all demo test bench check fmt

CARGO ?= cargo
ANSIBLE ?= target/ansible
# A test makes its own world: it may unwrap, print, write files, start processes, and share a module
# of which each test uses a part.
IN_TESTS = -A clippy::unwrap_used -A clippy::print_stdout -A clippy::print_stderr \
	-A clippy::disallowed_methods -A clippy::style -A unreachable_pub -A dead_code

all:
	$(CARGO) build --release --locked

demo:
	playbooks/demo

test:
	tests/install-deps
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --lib --bins -- -D warnings
	$(CARGO) clippy --locked --tests -- -D warnings $(IN_TESTS)
	$(CARGO) build --locked
	tests/with-ansible $(ANSIBLE)
	PALISADE_ANSIBLE=$(ANSIBLE)/bin $(CARGO) test --locked

bench:
	tests/install-deps
	$(CARGO) build --release --locked
	tests/bench/run
	PALISADE_LARGE=1 $(CARGO) test --release --locked --test reports a_large_fleet_is_grouped -- --nocapture
	PALISADE_RESULTS=1000000 $(CARGO) test --release --locked --lib a_host_is_found_among_many -- --nocapture

check:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --lib --bins -- -D warnings
	$(CARGO) clippy --locked --tests -- -D warnings $(IN_TESTS)

fmt:
	$(CARGO) fmt
