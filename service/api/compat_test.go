package api_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"orrery/service/api"
)

// compat runs a compatible API on the loopback for the length of a test.
func compat(t *testing.T) string {
	t.Helper()
	listeners, err := api.ListenCompat(0, false)
	if err != nil {
		t.Fatal(err)
	}
	s := api.NewCompat(api.CompatConfig{Backend: fixture(t), Token: "tok"})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, listeners...) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	for _, l := range listeners {
		if a := l.Addr().(*net.TCPAddr); !a.IP.IsLoopback() {
			t.Errorf("listens on %v", a)
		}
	}
	return listeners[0].Addr().String()
}

// exchangeRaw sends bytes, in pieces, and returns the answer.
func exchangeRaw(t *testing.T, addr string, pieces ...string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Minute))
	for _, p := range pieces {
		if _, err := io.WriteString(conn, p); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// TestReferenceCLIBytes: the very bytes that the reference's command line sends,
// which have no Host, are answered.
func TestReferenceCLIBytes(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/local_api.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Raw []struct {
			Name string
			Hex  string `json:"request_hex"`
		} `json:"cli_raw_requests"`
	}
	if err := json.Unmarshal(b, &v); err != nil || len(v.Raw) == 0 {
		t.Fatal(err, len(v.Raw))
	}
	addr := compat(t)
	for _, c := range v.Raw {
		raw, err := hex.DecodeString(c.Hex)
		if err != nil {
			t.Fatal(err)
		}
		for cut := range len(raw) { // wherever the network cuts it
			if cut%16 != 0 {
				continue
			}
			resp, body := exchangeRaw(t, addr, string(raw[:cut]), string(raw[cut:]))
			if resp.StatusCode != http.StatusOK || !json.Valid([]byte(body)) {
				t.Errorf("%s cut at %d: %d %s", c.Name, cut, resp.StatusCode, body)
			}
			if resp.Header.Get("Date") != "" || resp.Header.Get("Content-Length") == "" {
				t.Errorf("%s: header %v", c.Name, resp.Header)
			}
		}
	}
}

// TestHostInsertion: all ways to send or not to send a Host.
func TestHostInsertion(t *testing.T) {
	t.Parallel()
	addr := compat(t)
	const auth = "X-ZT1-Auth: tok\r\n"
	for _, c := range []struct {
		name, request string
		status        int
	}{
		{"HTTP/1.0", "GET /status HTTP/1.0\r\n" + auth + "\r\n", 200},
		{"no header but the token", "GET /status HTTP/1.1\r\n" + auth + "\r\n", 200},
		{"no header at all", "GET /status HTTP/1.1\r\n\r\n", 401},
		{"line feeds only", "GET /status HTTP/1.1\nX-ZT1-Auth: tok\n\n", 200},
		{"host in another case", "GET /status HTTP/1.1\r\nhOsT: localhost\r\n" + auth + "\r\n", 200},
		{"host last", "GET /status HTTP/1.1\r\n" + auth + "Host: 127.0.0.1\r\n\r\n", 200},
		{"foreign host", "GET /status HTTP/1.1\r\nHost: evil.example\r\n" + auth + "\r\n", 403},
		{"two hosts", "GET /status HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n" + auth + "\r\n", 400},
		{"absolute target", "GET http://evil.example/status HTTP/1.1\r\n" + auth + "\r\n", 403},
		{"host only in the body", "POST /network/0000000000000001 HTTP/1.1\r\n" + auth + "Content-Length: 20\r\n\r\nHost: evil.example\r\n", 200},
		{"chunked", "POST /network/0000000000000001 HTTP/1.1\r\n" + auth + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 200},
		{"no HTTP", "hello\r\n\r\n", 400},
		{"header too long", "GET /status HTTP/1.1\r\nX: " + strings.Repeat("x", 40<<10), 431},
	} {
		if c.status == 431 { // the connection just ends, without reading more
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.SetDeadline(time.Now().Add(2 * time.Minute))
			_, _ = io.WriteString(conn, c.request)
			b, _ := io.ReadAll(conn)
			conn.Close()
			if strings.Contains(string(b), "200 OK") {
				t.Errorf("%s: %s", c.name, b)
			}
			continue
		}
		if resp, body := exchangeRaw(t, addr, c.request); resp.StatusCode != c.status {
			t.Errorf("%s: %d, want %d: %s", c.name, resp.StatusCode, c.status, body)
		}
	}
}

// TestCompatManyRequests: one request a connection, and slots come back.
func TestCompatManyRequests(t *testing.T) {
	t.Parallel()
	addr := compat(t)
	for i := range 200 {
		resp, body := exchangeRaw(t, addr, fmt.Sprintf("GET /peer HTTP/1.1\r\nX-ZT1-Auth: tok\r\nX-N: %d\r\n\r\n", i))
		if resp.StatusCode != 200 || !resp.Close {
			t.Fatalf("request %d: %d %s", i, resp.StatusCode, body)
		}
	}
}
