module pellucid.dev/go/pellucid/benches

go 1.25.0

require (
	github.com/bytecodealliance/wasmtime-go/v39 v39.0.1
	github.com/tetratelabs/wazero v1.12.0
	pellucid.dev/go/pellucid v0.1.0
)

require golang.org/x/sys v0.44.0 // indirect

replace pellucid.dev/go/pellucid => ../
