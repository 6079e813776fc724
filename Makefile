.PHONY: build test race lint sim

build:
	go build -o bin/quoin ./cmd/quoin

test:
	go vet ./...
	go test ./...

race:
	go test -race ./...

lint:
	test -z "$$(gofmt -l .)"
	go vet ./...

sim:
	go run ./cmd/quoin lab sim --nodes 4 --seeds 100
