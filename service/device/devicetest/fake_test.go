package devicetest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
)

func TestFake(t *testing.T) {
	t.Parallel()
	f := New(Config{})
	f.Inject([]byte("one"), []byte("two"), []byte("three"))
	bufs, sizes := make([][]byte, 2), make([]int, 2)
	for i := range bufs {
		bufs[i] = make([]byte, f.Headroom()+f.MTU())
	}
	n, err := f.Read(bufs, sizes)
	if n != 2 || err != nil || string(bufs[1][16:16+sizes[1]]) != "two" {
		t.Fatalf("Read: %d, %v, %q", n, err, bufs[1][16:16+sizes[1]])
	}
	if n, _ := f.Read(bufs, sizes); n != 1 || sizes[0] != 5 {
		t.Errorf("second Read: %d of %v", n, sizes)
	}
	out := append(make([]byte, 16), "packet"...)
	if err := f.Write([][]byte{out, out}); err != nil {
		t.Fatal(err)
	}
	if p, err := f.Take(context.Background()); err != nil || !bytes.Equal(p, []byte("packet")) {
		t.Errorf("Take: %q, %v", p, err)
	}
	if all := f.Received(); len(all) != 1 {
		t.Errorf("Received %d packets, want 1", len(all))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Read(bufs, sizes); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Read after Close: %v", err)
	}
	if err := f.Write([][]byte{out}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Write after Close: %v", err)
	}
	if _, err := f.Take(context.Background()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Take after Close: %v", err)
	}
}
