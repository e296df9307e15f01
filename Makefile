# make demo   builds, starts five throw-away hosts, runs a playbook on them twice
# make test   installs what the tests need, then format, clippy, tests, doc tests
# make bench  measures against what people would use instead
.PHONY: all demo test bench check fmt clean

CARGO ?= cargo
ANSIBLE ?= target/ansible

all:
	$(CARGO) build --release --locked

demo:
	playbooks/demo

test:
	tests/install-deps
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) build --locked
	tests/with-ansible $(ANSIBLE)
	PALISADE_ANSIBLE=$(ANSIBLE)/bin $(CARGO) test --locked

bench:
	$(CARGO) build --release --locked
	tests/bench/run

check:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

fmt:
	$(CARGO) fmt
