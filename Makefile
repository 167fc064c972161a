# Orrery. `make run` shows it on this machine alone, `make test` tests all of it;
# both install what they need on Debian and Ubuntu. README.md says more.

.NOTPARALLEL:
.PHONY: run test lab kills deps build check cross race fuzz bench lint clean
.DEFAULT_GOAL := build

# The version is that of the nearest tag, or of the next release and the commit.
NEXT    := 0.1.0
VERSION := $(shell git describe --tags --match 'v*' --dirty 2>/dev/null | sed 's/^v//')
ifeq ($(VERSION),)
VERSION := $(NEXT)+$(shell git describe --always --dirty 2>/dev/null || echo unknown)
endif

# The same flags everywhere, so that all targets share the compiler's cache.
export GOFLAGS := -trimpath -buildvcs=false
LDFLAGS := -ldflags "-s -w -X main.version=$(VERSION)"

# Clang compiles the OpenGL bindings in seconds; gcc takes minutes. Looked up when
# used, because deps may have just installed it.
CLANG  = $(shell for c in clang clang-20 clang-19 clang-18 clang-17 clang-16 clang-15 clang-14 gcc; do command -v $$c && break; done)
STATIC = CGO_ENABLED=0
CGO    = CGO_ENABLED=1 CC=$(CLANG)

# The programs of the service have no cgo; what draws on a screen has.
SERVICE := ./engine/... ./service/...
PLAIN   := ./assets/... ./ui/... ./app/orreryd ./app/orreryctl ./app/orrery-demo
GUI     := ./app/orrery

# What make run and the tests call: namespaces and traffic, then a display.
TOOLS := iproute2 iptables nftables iperf3 iputils-ping curl \
	xvfb openbox imagemagick xdotool x11-utils libglib2.0-bin dbus-daemon
# What the application is compiled with.
LIBRARIES := gcc libc6-dev pkg-config libgl1-mesa-dev xorg-dev libxkbcommon-dev libwayland-dev

run: build
	build/orrery-demo --bin build --pictures build/pictures

deps:
	@command -v go >/dev/null || { echo "Orrery needs Go 1.26 or newer: https://go.dev/dl/" >&2; exit 1; }
	@command -v dpkg-query >/dev/null || { \
		echo "Not a Debian or Ubuntu: install what these packages hold by hand, if a step below misses it:"; \
		echo "  $(LIBRARIES) clang $(TOOLS)"; exit 0; }; \
	missing=; for p in $(LIBRARIES) $(TOOLS); do \
		[ "$$(dpkg-query -W -f '$${db:Status-Status}' $$p 2>/dev/null)" = installed ] || missing="$$missing $$p"; done; \
	case "$(CLANG)" in *clang*) ;; *) missing="$$missing clang";; esac; \
	[ -z "$$missing" ] && exit 0; \
	root=; if [ "$$(id -u)" != 0 ]; then root=sudo; echo "sudo asks for your password because these packages are missing:$$missing"; fi; \
	$$root apt-get update -q && $$root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$missing

build: deps
	$(STATIC) go build $(LDFLAGS) -o build/ ./app/orreryd ./app/orreryctl ./app/orrery-demo
	$(CGO) go build $(LDFLAGS) -o build/ $(GUI)

# The tests of namespaces and displays need root and are skipped without; the one
# that drives the application from outside needs build/orrery.
test: deps check build cross
	$(STATIC) go test -vet=off -timeout 20m $(PLAIN)
	$(CGO) go test -vet=off -timeout 20m $(GUI)
	$(CGO) go test -vet=off -timeout 20m -race $(SERVICE)

check:
	@bad=$$(gofmt -l app assets engine service ui); [ -z "$$bad" ] || { echo "gofmt would change: $$bad" >&2; exit 1; }
	$(STATIC) go vet $(SERVICE) $(PLAIN)
	$(CGO) go vet $(GUI)

# The service and the command line compile for the other systems.
cross:
	@set -e; for os in windows darwin; do for arch in amd64 arm64; do \
		echo "GOOS=$$os GOARCH=$$arch go vet ./service/... ./app/orreryd ./app/orreryctl"; \
		$(STATIC) GOOS=$$os GOARCH=$$arch go vet ./service/... ./app/orreryd ./app/orreryctl; done; done

# Stories of networks, told by computers in network namespaces. With REF_DIR, a
# directory with a build of the reference, LAB_ROOT=ref, LAB_CONTROLLER, LAB_A and
# LAB_B have it play that role; LAB=Rules runs those of that name. Tests of name
# servers use a systemd-resolved and an openresolv that are installed, or unpacked
# in RESOLVED_DIR and OPENRESOLV_DIR.
lab: deps
	$(STATIC) go test -vet=off -count=1 -timeout 30m -v -run '^TestLab$(LAB)' ./app/orreryd

# The service is killed at KILLS random moments; "make test" does it ten times.
KILLS ?= 200
kills: deps
	ORRERYD_TEST_KILLS=$(KILLS) $(STATIC) go test -vet=off -count=1 -timeout 30m -v -run '^TestKilled$$' ./app/orreryd

race: deps
	$(CGO) go test -race -timeout 30m ./engine/... ./service/... ./assets/... ./ui/...

# Every fuzz target in turn, each for FUZZTIME.
FUZZTIME ?= 10s
fuzz:
	@$(STATIC) go test -list '^Fuzz' $(SERVICE) | \
	awk '/^Fuzz/ { names[++n] = $$1 } $$1 == "ok" { for (i = 1; i <= n; i++) print $$2, names[i]; n = 0 }' | \
	while read -r package name; do echo "$$package $$name"; \
		$(STATIC) go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) $$package </dev/null || exit 1; done

bench:
	$(STATIC) go test -run '^$$' -bench . -benchmem $(SERVICE)

GOLANGCI := v2.15.0
build/tools/golangci-lint-$(GOLANGCI):
	GOBIN=$(CURDIR)/build/tools go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI)
	mv build/tools/golangci-lint $@

lint: deps build/tools/golangci-lint-$(GOLANGCI)
	$(CGO) build/tools/golangci-lint-$(GOLANGCI) run ./...

clean:
	rm -rf build
