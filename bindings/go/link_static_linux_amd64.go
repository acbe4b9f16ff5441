//go:build cgo && !pellucid_shared

package pellucid

/*
#cgo CFLAGS: -I${SRCDIR}/include -DPELLUCID_GO_LINKED
#cgo linux,amd64 LDFLAGS: ${SRCDIR}/lib/linux-amd64/libpellucid.a -lm -lpthread -ldl
*/
import "C"

import (
	_ "pellucid.dev/go/pellucid/include"
	_ "pellucid.dev/go/pellucid/lib/linux-amd64"
)
