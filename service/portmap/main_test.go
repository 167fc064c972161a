package portmap

import (
	"bytes"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"
)

// TestMain makes sure that no test has left a goroutine behind.
func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
	code := m.Run()
	if f := flag.Lookup("test.fuzz"); f != nil && f.Value.String() != "" {
		os.Exit(code) // fuzzing has goroutines of its own
	}
	deadline := time.After(2 * time.Minute) // connections take a moment to close
	for code == 0 && runtime.NumGoroutine() > before {
		select {
		case <-deadline:
			var b bytes.Buffer
			_ = pprof.Lookup("goroutine").WriteTo(&b, 1)
			fmt.Fprintf(os.Stderr, "%d goroutines before, now:\n%s", before, &b)
			code = 1
		default:
			runtime.Gosched()
		}
	}
	os.Exit(code)
}

var quiet = slog.New(slog.DiscardHandler)
