module pellucid.dev/examples/cancel

go 1.18
