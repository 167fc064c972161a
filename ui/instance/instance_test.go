package instance

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestASecondStartHandsOver(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "i.sock")
	first, err := Claim(path, "")
	if err != nil || first == nil {
		t.Fatalf("the first start: %v, %v", first, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	links, done := make(chan string, 4), make(chan struct{})
	go func() {
		first.Serve(ctx, func(l string) { links <- l })
		close(done)
	}()
	for _, link := range []string{"", "orrery://join/8056c2e21c000001", "two\nlines"} {
		second, err := Claim(path, link)
		if err != nil || second != nil {
			t.Fatalf("a further start: %v, %v", second, err)
		}
	}
	for _, want := range []string{"", "orrery://join/8056c2e21c000001", "two lines"} {
		if got := <-links; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	cancel()
	<-done
	third, err := Claim(path, "")
	if err != nil || third == nil {
		t.Fatalf("after the end of the first: %v, %v", third, err)
	}
	if err := third.Close(); err != nil {
		t.Error(err)
	}
}

func TestASocketLeftBehindIsReplaced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "i.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	i, err := Claim(path, "")
	if err != nil || i == nil {
		t.Fatalf("got %v, %v", i, err)
	}
	if err := i.Close(); err != nil {
		t.Error(err)
	}
}

func TestGarbageIsIgnored(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "i.sock")
	i, err := Claim(path, "")
	if err != nil {
		t.Fatal(err)
	}
	links := make(chan string, 1)
	go i.Serve(t.Context(), func(l string) { links <- l })
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(make([]byte, maxLink+1)); err == nil {
		_ = c.Close()
	}
	if _, err := Claim(path, "ok"); err != nil {
		t.Fatal(err)
	}
	if got := <-links; got != "ok" {
		t.Errorf("got %.20q", got)
	}
}

// timeless is a connection without deadlines.
type timeless struct{ net.Conn }

func (timeless) SetDeadline(time.Time) error { return nil }

// A start that says nothing does not hold up the end of the first.
func TestTheEndDoesNotWait(t *testing.T) {
	t.Parallel()
	first, second := net.Pipe()
	defer second.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		if link, ok := receive(ctx, timeless{first}); ok {
			t.Errorf("received %q", link)
		}
		close(done)
	}()
	cancel()
	<-done
}

func TestPath(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	a, err := Path(":1", "/run/a")
	if err != nil {
		t.Fatal(err)
	}
	b, err := Path(":1", "/run/b")
	if err != nil || a == b {
		t.Errorf("%q and %q, %v", a, b, err)
	}
	if again, err := Path(":1", "/run/a"); err != nil || a != again {
		t.Errorf("%q and %q, %v", a, again, err)
	}
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	c, err := Path("x")
	if err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(filepath.Dir(c)); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("the folder of %s: %v, %v", c, fi, err)
	}
}
