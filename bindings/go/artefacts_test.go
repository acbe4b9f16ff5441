//go:build cgo

package pellucid_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// These tests are of what `make dist` packs. They are for the project's own folder.

const document = "../../docs/GO.md"

// blocks are the document's blocks of a language.
func blocks(t *testing.T, language string) []string {
	bytes, err := os.ReadFile(document)
	if err != nil {
		t.Skip("the documentation isn't there")
	}
	var found []string
	for _, part := range strings.Split(string(bytes), "```"+language+"\n")[1:] {
		found = append(found, strings.SplitN(part, "```", 2)[0])
	}
	return found
}

// inFolder runs a command, and gives what it prints.
func inFolder(t *testing.T, folder string, env []string, command ...string) (string, error) {
	t.Helper()
	c := exec.Command(command[0], command[1:]...)
	c.Dir = folder
	c.Env = append(append(os.Environ(), "GOPROXY=off", "GOFLAGS=", "GOWORK=off"), env...)
	var output bytes.Buffer
	c.Stdout, c.Stderr = &output, &output
	err := c.Run()
	return output.String(), err
}

// unpacked is an empty folder with the archive and nothing else.
func unpacked(t *testing.T) string {
	if testing.Short() {
		t.Skip("it is run without -short")
	}
	archives, _ := filepath.Glob("dist/*.tar.gz")
	if len(archives) != 1 {
		t.Skip("there is no archive: make dist")
	}
	bytes, err := os.ReadFile(archives[0])
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, filepath.Base(archives[0])), bytes, 0o644); err != nil {
		t.Fatal(err)
	}
	return folder
}

func TestQuickStart(t *testing.T) {
	folder := unpacked(t)
	commands, programs, printed := blocks(t, "sh"), blocks(t, "go"), blocks(t, "text")
	if output, err := inFolder(t, folder, nil, "sh", "-e", "-c", commands[0]); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	hello := filepath.Join(folder, "hello")
	if err := os.WriteFile(filepath.Join(hello, "main.go"), []byte(programs[0]), 0o644); err != nil {
		t.Fatal(err)
	}
	output, err := inFolder(t, hello, nil, "sh", "-e", "-c", commands[1])
	if err != nil || output != printed[0] {
		t.Fatalf("%v\n%s", err, output)
	}

	// Without cgo it is clear what is missing.
	output, err = inFolder(t, hello, []string{"CGO_ENABLED=0"}, "go", "build", ".")
	if err == nil || !strings.Contains(output, "undefined: pellucid_needs_cgo_so_set_CGO_ENABLED_1_and_install_a_C_compiler") ||
		strings.Count(output, "undefined:") != 1 {
		t.Fatalf("%v\n%s", err, output)
	}
	// What is vendored is whole.
	output, err = inFolder(t, hello, nil, "sh", "-e", "-c", "go mod vendor && go run -mod=vendor .")
	if err != nil || output != printed[0] {
		t.Fatalf("%v\n%s", err, output)
	}
}

func TestOtherPlatformsAreTold(t *testing.T) {
	command := exec.Command("cc", "-E", "-xc", "-Iinclude", "bridge.h")
	output, err := command.CombinedOutput()
	if err == nil || !strings.Contains(string(output), "build with -tags pellucid_shared") {
		t.Fatalf("%v\n%s", err, output)
	}
	c := exec.Command("go", "list", "-f", "{{.CgoCFLAGS}}{{.CgoLDFLAGS}}", ".")
	c.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=1")
	if flags, err := c.CombinedOutput(); err != nil || strings.TrimSpace(string(flags)) != "[][]" {
		t.Fatalf("%v\n%s", err, flags)
	}
}

func TestSharedLibraryByPkgConfig(t *testing.T) {
	folder := unpacked(t)
	if _, err := exec.LookPath("pkg-config"); err != nil {
		t.Skip("there is no pkg-config")
	}
	install := []string{"make", "-C", "../..", "install", "DESTDIR=" + folder, "PREFIX=/usr"}
	if built := os.Getenv("BUILT"); built != "" {
		install = append(install, "BUILT="+built)
	}
	if output, err := exec.Command(install[0], install[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	library := filepath.Join(folder, "usr/lib")
	env := []string{"PKG_CONFIG_PATH=" + filepath.Join(library, "pkgconfig"), "LD_LIBRARY_PATH=" + library}
	if output, err := inFolder(t, folder, nil, "sh", "-e", "-c", blocks(t, "sh")[0]); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	hello := filepath.Join(folder, "hello")
	if err := os.WriteFile(filepath.Join(hello, "main.go"), []byte(blocks(t, "go")[0]), 0o644); err != nil {
		t.Fatal(err)
	}
	// The static library isn't needed.
	os.RemoveAll(filepath.Join(folder, "pellucid-go-0.1.0/lib"))
	output, err := inFolder(t, hello, env, "sh", "-e", "-c", "go build -tags pellucid_shared . && ldd hello && ./hello")
	if err != nil || !strings.Contains(output, filepath.Join(library, "libpellucid.so.")) || !strings.HasSuffix(output, blocks(t, "text")[0]) {
		t.Fatalf("%v\n%s", err, output)
	}
}

func TestExamplesOfTheDocument(t *testing.T) {
	for n, program := range blocks(t, "go")[1:] {
		if !strings.HasPrefix(program, "package main") {
			continue
		}
		t.Run(strings.Fields(program)[2], func(t *testing.T) {
			folder := t.TempDir()
			here, err := filepath.Abs(".")
			if err != nil {
				t.Fatal(err)
			}
			module := "module example\n\ngo 1.21\n\nrequire pellucid.dev/go/pellucid v0.1.0\n\nreplace pellucid.dev/go/pellucid => " + here + "\n"
			if err := os.WriteFile(filepath.Join(folder, "go.mod"), []byte(module), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, "main.go"), []byte(program), 0o644); err != nil {
				t.Fatal(err)
			}
			output, err := inFolder(t, folder, nil, "go", "run", ".")
			if err != nil || output != blocks(t, "text")[n+1] {
				t.Fatalf("%v\n%s", err, output)
			}
		})
	}
}
