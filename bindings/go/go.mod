module pellucid.dev/go/pellucid

go 1.21
