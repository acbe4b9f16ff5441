//go:build cgo

package pellucid

// #include "bridge.h"
import "C"

import (
	"context"
	"fmt"
	"sync"
	"unsafe"
)

// A Linker has names and what they stand for, to instantiate modules with. Host functions and WASI in it belong to no store:
// one linker serves any number of stores and goroutines. What lives in a store is only for modules in that store.
type Linker struct {
	mu    sync.RWMutex
	names map[importName]definition
	wasi  *WASI
	// AllowShadowing has a later definition of a name replace an earlier one, instead of being refused.
	AllowShadowing bool
	// UnknownAsTraps has functions that aren't defined fail when they are called, instead of making Instantiate fail.
	UnknownAsTraps bool
}

type importName struct{ module, name string }

type definition struct {
	host *hostDef
	item externItem
	// The store of the item.
	store *Store
}

// Definable is what a name may stand for: a HostFunc, or an Extern, which lives in a store.
type Definable interface{ definition() definition }

func (f HostFunc) definition() definition { return definition{host: f.def} }
func (f *Func) definition() definition    { return definition{item: f.item(), store: f.store} }
func (m *Memory) definition() definition  { return definition{item: m.item(), store: m.store} }
func (t *Table) definition() definition   { return definition{item: t.item(), store: t.store} }
func (g *Global) definition() definition  { return definition{item: g.item(), store: g.store} }
func (t *Tag) definition() definition     { return definition{item: t.item(), store: t.store} }

// NewLinker makes a linker that knows no names.
func NewLinker() *Linker { return &Linker{names: map[importName]definition{}} }

// Define says what a name stands for.
func (l *Linker) Define(module, name string, what Definable) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.define(importName{module, name}, what.definition())
}

func (l *Linker) define(name importName, what definition) error {
	if _, ok := l.names[name]; ok && !l.AllowShadowing {
		return &Error{StatusLink, fmt.Sprintf("%s.%s is defined already", name.module, name.name)}
	}
	l.names[name] = what
	return nil
}

// DefineInstance defines the names of an instance's exports.
func (l *Linker) DefineInstance(module string, i *Instance) error {
	m, err := i.Module()
	if err != nil {
		return err
	}
	defer m.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, export := range m.Exports() {
		item, err := i.export(export.Name)
		if err != nil {
			return err
		}
		if err := l.define(importName{module, export.Name}, definition{item: item, store: i.store}); err != nil {
			return err
		}
	}
	return nil
}

// DefineWASI gives modules the functions of WASI preview 1 that they import. Each instance gets its own: open files, clocks
// and so on aren't shared. The configuration is read whenever a module is instantiated, and must not be changed by then.
func (l *Linker) DefineWASI(config *WASI) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wasi != nil && !l.AllowShadowing {
		return &Error{StatusLink, "WASI is defined already"}
	}
	l.wasi = config
	return nil
}

func isWASI(module string) bool {
	return module == "wasi_snapshot_preview1" || module == "wasi_unstable"
}

// Instantiate makes an instance of a module with what the names of its imports stand for, and runs its start function.
func (l *Linker) Instantiate(ctx context.Context, s *Store, m *Module) (*Instance, error) {
	imports := m.importList()
	items := make([]externItem, len(imports))
	var missing []int
	l.mu.RLock()
	wasi, unknownAsTraps := l.wasi, l.UnknownAsTraps
	definitions := make([]definition, len(imports))
	for i, item := range imports {
		found, ok := l.names[importName{item.Module, item.Name}]
		if !ok {
			missing = append(missing, i)
		}
		definitions[i] = found
	}
	l.mu.RUnlock()
	for i, d := range definitions {
		switch {
		case d.host != nil:
			h, err := s.hostFunc(d.host)
			if err != nil {
				return nil, err
			}
			items[i] = externItem{kind: C.PELLUCID_EXTERN_FUNC, h: h}
		case d.store != nil && d.store != s:
			return nil, &Error{StatusWrongStore, fmt.Sprintf("%s.%s lives in another store", imports[i].Module, imports[i].Name)}
		default:
			items[i] = d.item
		}
	}
	if wasi != nil && len(missing) > 0 {
		var err error
		if missing, err = s.defineWASI(wasi, imports, missing, items); err != nil {
			return nil, err
		}
	}
	for _, i := range missing {
		item := imports[i]
		if !unknownAsTraps || item.Kind != ExternFunc {
			return nil, &Error{StatusLink, fmt.Sprintf("the import %s.%s, a %v, isn't defined", item.Module, item.Name, item.Kind)}
		}
		f, err := s.NewFunc(DynamicFunc(*item.Func, func(*Caller, []Value) ([]any, error) {
			return nil, fmt.Errorf("the import %s.%s isn't defined", item.Module, item.Name)
		}))
		if err != nil {
			return nil, err
		}
		items[i] = f.item()
	}
	return s.instantiate(ctx, m, items)
}

// defineWASI fills in the imports that are WASI's, and gives those that are still missing.
func (s *Store) defineWASI(wasi *WASI, imports []Import, missing []int, items []externItem) ([]int, error) {
	var names []byte
	var sizes []uint32
	var places, unknown []int
	for _, i := range missing {
		item := imports[i]
		if !isWASI(item.Module) || item.Kind != ExternFunc {
			unknown = append(unknown, i)
			continue
		}
		names = append(append(names, item.Module...), item.Name...)
		sizes = append(sizes, uint32(len(item.Module)), uint32(len(item.Name)))
		places = append(places, i)
	}
	if len(places) == 0 {
		return unknown, nil
	}
	config, err := s.wasiConfig(wasi)
	if err != nil {
		return nil, err
	}
	found := make([]externItem, len(places))
	err = s.run(context.Background(), func(object **C.pellucid_error_t) C.pellucid_status_t {
		// Deleting the configuration may give callbacks up.
		defer C.pellucid_wasi_config_delete(config)
		return C.pellucid_status_t(C.plgo_wasi_get(s.engine.c(), s.c(), config, (*C.char)(unsafe.Pointer(unsafe.SliceData(names))),
			(*C.uint32_t)(unsafe.Pointer(unsafe.SliceData(sizes))), C.size_t(len(places)),
			(*C.pellucid_extern_t)(unsafe.Pointer(unsafe.SliceData(found))), object))
	})
	if err != nil {
		return nil, err
	}
	for n, place := range places {
		if found[n].reserved != 0 {
			unknown = append(unknown, place)
			continue
		}
		items[place] = found[n]
	}
	return unknown, nil
}
