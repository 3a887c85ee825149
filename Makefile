# Bare `make` lists the targets. Everything but `interop`, `bench-peers` and the end of `soak` needs Go and nothing
# else, and the race detector gcc.
SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help build run test faults lint fuzz interop bench bench-peers bench-short sim soak

PACKAGES := ./...
# Tests with whole clusters and crashes, without the detector. Those that measure times while things fail run
# alone; the others beside the seeds. The cache of go test does not see the programs that they build.
APART    := ./tests/cluster ./tests/txn ./tests/chaos ./tests/crash
# The race detector makes a seed cost ten times as much, so -short takes fewer of them there. It also takes
# fewer hostile clients; the test with all of them compares latencies and gets the machine to itself.
SEEDED   := ./storage/... ./raftactor/... ./actors/metadata ./actors/transactions/coordinator ./actors/groups/modern \
            ./actors/kit ./protocol/batch ./tests/powerloss
# Go links the race detector with a C compiler on Linux. Where there is none, the tests run without.
RACE      = $(shell [ "$$(go env CGO_ENABLED)" = 1 ] && command -v $$(go env CC) >/dev/null && echo -race)
FUZZTIME ?= 20s
SOAKTIME ?= 30m
SIMTIME  ?= 1m

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 13

build: ## build bin/chronik-server, one static binary
	CGO_ENABLED=0 go build -trimpath -o bin/chronik-server ./cmd/chronik-server

run: build ## build and start one node: Kafka on port 9092, data in ./data
	./bin/chronik-server start

test: lint ## lint, and every test but those of `make faults` under the race detector
	@[ -n "$(RACE)" ] || echo "no C compiler: testing without the race detector, which needs one"
	GORACE=atexit_sleep_ms=50 go test $(RACE) -short -vet off -timeout 10m $$(go list $(PACKAGES) | grep -vxF "$$(go list $(APART))")

faults: ## clusters that are killed, frozen and cut off; crashes of actors; all seeds; all hostile clients
	go test -count=1 -short -timeout 15m ./tests/cluster
	CHRONIK_TXN_TIME=2m go test -count=1 -timeout 15m -p 2 ./tests/txn ./tests/crash $(SEEDED)
	go test -count=1 -timeout 10m -run 'Latency|Crowd|Connections' ./tests/hostile
	go test $(RACE) -count=1 -timeout 15m ./tests/chaos

# What is checked is compiled as it is tested, and the checker as the server is: nothing is compiled twice.
lint: ## gofmt, go vet and the staticcheck that go.mod pins
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	  if [ -n "$$unformatted" ]; then echo "not gofmt'ed:"; echo "$$unformatted"; exit 1; fi
	go vet $(RACE) $(PACKAGES)
	GOFLAGS=$(RACE) $$(CGO_ENABLED=0 go tool -n staticcheck) $(PACKAGES)

fuzz: ## run every fuzz target for FUZZTIME (20s each)
	@go list -f '{{.Dir}} {{join .TestGoFiles " "}} {{join .XTestGoFiles " "}}' $(PACKAGES) | \
	while read -r dir files; do \
	  for file in $$files; do \
	    for target in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]+)\(.*/\1/p' "$$dir/$$file"); do \
	      echo "# $${dir#$(CURDIR)/} $$target"; \
	      go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$dir" </dev/null; \
	    done; \
	  done; \
	done

interop: ## install real Kafka clients, run them against a node and compare every record
	bash tests/interop/run.sh

bench: ## measure the broker against a physical floor and print the table
	go run ./tests/bench/driver $(BENCH)

bench-peers: ## measure beside Apache Kafka and NATS JetStream; needs Java, Maven and an hour and a half
	go run ./tests/bench/peers $(BENCH_PEERS)

bench-short: ## one node beside the floor in a minute; fails when a ratio is grossly worse than it was
	go run ./tests/bench/peers -short

sim: ## simulate clusters in virtual time for SIMTIME (1m), with new seeds, and check that planted bugs are found
	CHRONIK_SIM_TIME=$(SIMTIME) go test -timeout 0 -count=1 -v -run '^TestSoak$$' ./tests/sim
	go test -timeout 0 -count=1 -v -tags simbugs -run '^TestPlanted' ./tests/sim | grep -v -- '--- PASS: .*/.*/\|=== RUN'

soak: ## ten thousand crashes of actors, then crash, transaction and hostile-client runs for SOAKTIME (30m)
	CHRONIK_CHAOS_CRASHES=10000 go test -timeout 0 -count=1 -v ./tests/chaos
	CHRONIK_SOAK=$(SOAKTIME) CHRONIK_TXN_TIME=$(SOAKTIME) \
	  go test -timeout 0 -count=1 -v ./tests/crash ./tests/txn ./tests/hostile
	CHRONIK_TXN_TIME=$(SOAKTIME) ONLY=exactly-once bash tests/interop/run.sh
