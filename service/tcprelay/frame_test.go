package tcprelay

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"os"
	"reflect"
	"testing"
	"testing/iotest"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// vector is what the reference's client has sent.
type vector struct {
	Stream string
	Frames []struct {
		Kind, Body, IP, Payload string
		Port                    uint16
	}
}

func vectors(t testing.TB) (v vector) {
	t.Helper()
	text, err := os.ReadFile("testdata/tcp_fallback.json")
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVectors(t *testing.T) {
	t.Parallel()
	v := vectors(t)
	stream := unhex(t, v.Stream)
	for name, src := range map[string]io.Reader{
		"whole": bytes.NewReader(stream), "byte by byte": iotest.OneByteReader(bytes.NewReader(stream)), "halves": iotest.HalfReader(bytes.NewReader(stream)),
	} {
		r := NewReader(src)
		var again []byte
		for i, f := range v.Frames {
			m, err := r.Next()
			if err != nil {
				t.Fatalf("%s: frame %d: %v", name, i, err)
			}
			switch f.Kind {
			case "hello":
				again = AppendGreeting(again, m.Version)
				if want := (Version{Major: 1, Minor: 14, Revision: 1}); m.Kind != Greeting || m.Version != want {
					t.Errorf("%s: frame %d is %+v", name, i, m)
				}
			case "packet":
				again = AppendPacket(again, m.Addr, m.Datagram)
				want := netip.AddrPortFrom(netip.MustParseAddr(f.IP), f.Port)
				if m.Kind != Packet || m.Addr != want || !bytes.Equal(m.Datagram, unhex(t, f.Payload)) {
					t.Errorf("%s: frame %d is %+v", name, i, m)
				}
			default:
				t.Fatalf("%s: frame %d of kind %q", name, i, f.Kind)
			}
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: in the end %v", name, err)
		}
		if !bytes.Equal(again, stream) {
			t.Errorf("%s: put together again it differs", name)
		}
	}
}

func TestParseBody(t *testing.T) {
	t.Parallel()
	for in, c := range map[string]struct {
		want Message
		err  error
	}{
		"":                 {},
		"00":               {},
		"00112233445566":   {},
		"010e0001":         {want: Message{Kind: Greeting, Version: Version{1, 14, 1}}},
		"00000000":         {want: Message{Kind: Greeting}},
		"04050607":         {want: Message{Kind: Greeting, Version: Version{4, 5, 0x607}}}, // by its length
		"04":               {err: ErrAddress},
		"040506070827":     {err: ErrAddress},
		"04050607082709":   {want: Message{Kind: Packet, Addr: netip.MustParseAddrPort("5.6.7.8:9993"), Datagram: []byte{}}},
		"04050607082709aa": {want: Message{Kind: Packet, Addr: netip.MustParseAddrPort("5.6.7.8:9993"), Datagram: []byte{0xaa}}},
		"0620010db80000000000000000000000012709aa": {want: Message{Kind: Packet, Addr: netip.MustParseAddrPort("[2001:db8::1]:9993"), Datagram: []byte{0xaa}}},
		"0600000000000000000000ffff050607082709":   {want: Message{Kind: Packet, Addr: netip.MustParseAddrPort("5.6.7.8:9993"), Datagram: []byte{}}},
		"0620010db800000000000000000000000127":     {err: ErrAddress},
		"0500000000000000":                         {err: ErrAddress},
		"ff":                                       {err: ErrAddress},
	} {
		m, err := ParseBody(unhex(t, in))
		if !errors.Is(err, c.err) || !reflect.DeepEqual(m, c.want) {
			t.Errorf("%s: %+v, %v, want %+v, %v", in, m, err, c.want, c.err)
		}
	}
}

func TestReaderErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	long := append([]byte{0x17, 3, 3, MaxBody >> 8, MaxBody & 255}, make([]byte, MaxBody)...)
	for name, c := range map[string]struct {
		src io.Reader
		n   int // good messages before it
		err error
	}{
		"empty":             {bytes.NewReader(nil), 0, io.EOF},
		"cut header":        {bytes.NewReader(unhex(t, "170303")), 0, io.ErrUnexpectedEOF},
		"cut body":          {bytes.NewReader(unhex(t, "1703030004010e00")), 0, io.ErrUnexpectedEOF},
		"after a good one":  {bytes.NewReader(unhex(t, "1703030004010e0001")), 1, io.EOF},
		"a TLS alert":       {bytes.NewReader(unhex(t, "15030100020228")), 0, ErrHeader},
		"a web server":      {bytes.NewReader([]byte("HTTP/1.1 400 Bad Request\r\n")), 0, ErrHeader},
		"other TLS version": {bytes.NewReader(unhex(t, "1703010000")), 0, ErrHeader},
		"too long":          {bytes.NewReader(unhex(t, "1703034001")), 0, ErrTooLong},
		"just not too long": {bytes.NewReader(append(long, long...)), 2, io.EOF},
		"bad address":       {bytes.NewReader(unhex(t, "170303000105")), 0, ErrAddress},
		"broken":            {iotest.ErrReader(broken), 0, broken},
		"broken later":      {io.MultiReader(bytes.NewReader(unhex(t, "1703030000170303")), iotest.ErrReader(broken)), 1, broken},
		"stuck":             {stuck{}, 0, io.ErrNoProgress},
		"error with data":   {iotest.DataErrReader(bytes.NewReader(unhex(t, "17030300001703030000"))), 2, io.EOF},
	} {
		r := NewReader(c.src)
		for i := range c.n {
			if _, err := r.Next(); err != nil {
				t.Errorf("%s: message %d: %v", name, i, err)
			}
		}
		if _, err := r.Next(); !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
	}
}

// stuck reads nothing, without an error.
type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

func FuzzReader(f *testing.F) {
	f.Add(unhex(f, vectors(f).Stream))
	f.Add(unhex(f, "1703030004010e0001"+"1703030000"+"17030300050000000000"+"170303001a"+"0620010db80000000000000000000000012709"+"01020304050607"))
	f.Add([]byte("HTTP/1.1 200 OK\r\n\r\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := NewReader(bytes.NewReader(stream))
		slow := NewReader(iotest.OneByteReader(bytes.NewReader(stream)))
		for used := 0; ; {
			m, err := r.Next()
			m2, err2 := slow.Next()
			if !errors.Is(err2, err) || !reflect.DeepEqual(m, m2) {
				t.Fatalf("%+v, %v; byte by byte %+v, %v", m, err, m2, err2)
			}
			if err != nil {
				if len(r.buf) > HeaderLen+MaxBody {
					t.Errorf("a buffer of %d bytes", len(r.buf))
				}
				return
			}
			if used += HeaderLen; used > len(stream) {
				t.Fatal("more messages than bytes")
			}
			if m.Kind != Packet {
				continue
			}
			if again, err := ParseBody(AppendPacket(nil, m.Addr, m.Datagram)[HeaderLen:]); len(m.Datagram) <= MaxDatagram && (err != nil || !reflect.DeepEqual(again, m)) {
				t.Errorf("%+v comes back as %+v, %v", m, again, err)
			}
		}
	})
}

func BenchmarkFrames(b *testing.B) {
	datagram := make([]byte, 1432)
	to := netip.MustParseAddrPort("5.6.7.8:9993")
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(datagram)))
		var out []byte
		for b.Loop() {
			out = AppendPacket(out[:0], to, datagram)
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(datagram)))
		r := NewReader(&endless{frame: AppendPacket(nil, to, datagram)})
		for b.Loop() {
			if _, err := r.Next(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// endless repeats a frame.
type endless struct {
	frame []byte
	at    int
}

func (e *endless) Read(b []byte) (n int, err error) {
	for n < len(b) {
		got := copy(b[n:], e.frame[e.at:])
		n += got
		e.at = (e.at + got) % len(e.frame)
	}
	return n, nil
}
