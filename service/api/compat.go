package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"orrery/service/caller"
	"orrery/service/ipc"
)

// maxURI is the longest request target that is answered (spec 06 §5.1).
const maxURI = 8192

// CompatConfig is what a [Compat] needs.
type CompatConfig struct {
	Backend Backend
	// Token is the content of authtoken.secret without white space. Without a
	// token nothing but /health is answered.
	Token string
	// MetricsToken is the content of metricstoken.secret, which opens /metrics and
	// nothing else; "" for none.
	MetricsToken string
	// AllowFrom has source networks that may call besides the loopback
	// (settings.allowManagementFrom).
	AllowFrom []netip.Prefix
	// Role is what holders of the token may do; "" is Administrator.
	Role ipc.Role
	// Log receives refusals (debug) and internal errors (error); nil discards.
	Log *slog.Logger
}

// Compat serves the reference's JSON API over TCP for existing tools, with the
// reference's token (spec 06 §5.1, §5.2). Unlike the reference it never answers
// web pages, never wraps answers for scripts ("jsonp"), and compares tokens in
// constant time.
type Compat struct {
	reference *Reference
	// tokens are the sums of the tokens, that for everything first; has says
	// which of them there are.
	tokens [2][sha256.Size]byte
	has    [2]bool
	allow  []netip.Prefix
	role   ipc.Role
	log    *slog.Logger
}

// NewCompat makes a server. [Compat.Serve] starts it.
func NewCompat(c CompatConfig) *Compat {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Role == "" {
		c.Role = ipc.Administrator
	}
	return &Compat{
		reference: NewReference(c.Backend, c.Log),
		tokens:    [2][sha256.Size]byte{sha256.Sum256([]byte(c.Token)), sha256.Sum256([]byte(c.MetricsToken))},
		has:       [2]bool{c.Token != "", c.MetricsToken != ""},
		allow:     c.AllowFrom, role: c.Role, log: c.Log,
	}
}

// ListenCompat listens on port of 127.0.0.1 and ::1, or with everywhere of all
// addresses, which is only for a non-empty [CompatConfig.AllowFrom]. A machine
// without IPv6 or without IPv4 gets one listener. Port 0 takes a free one.
func ListenCompat(port int, everywhere bool) ([]net.Listener, error) {
	hosts := [2]string{"127.0.0.1", "::1"}
	if everywhere {
		hosts = [2]string{"0.0.0.0", "::"}
	}
	var listeners []net.Listener
	var failures []error
	for i, host := range hosts {
		l, err := net.Listen([2]string{"tcp4", "tcp6"}[i], net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			failures = append(failures, err)
			continue
		}
		listeners = append(listeners, l)
		if port == 0 { // the same free port for both
			port = l.Addr().(*net.TCPAddr).Port
		}
	}
	if len(listeners) == 0 {
		return nil, fmt.Errorf("listen for the compatible API on port %d: %w", port, errors.Join(failures...))
	}
	return listeners, nil
}

// Serve accepts connections until ctx ends, and returns nil then. It closes the
// listeners.
func (s *Compat) Serve(ctx context.Context, listeners ...net.Listener) error {
	h := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       bodyTime,
		WriteTimeout:      answerTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	h.SetKeepAlivesEnabled(false) // see hostConn
	var work sync.WaitGroup
	failed := make(chan error, len(listeners))
	slots := make(chan struct{}, maxConns)
	for _, l := range listeners {
		work.Go(func() {
			if err := h.Serve(&hostListener{Listener: l, slots: slots}); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	stop, done := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer done()
	if h.Shutdown(stop) != nil {
		_ = h.Close()
	}
	work.Wait()
	return err
}

// ServeHTTP answers one request.
func (s *Compat) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()["Date"] = nil // the reference sends none
	if e := foreign(r, hostOfLoopback, "localhost"); e != nil {
		s.refuse(r, e.Code)
		writeError(w, e)
		return
	}
	if len(r.RequestURI) > maxURI {
		w.WriteHeader(http.StatusRequestURITooLong)
		return
	}
	if !s.fromHere(r.RemoteAddr) {
		s.refuse(r, "source address")
		writeJSON(w, http.StatusUnauthorized, []byte("{}"))
		return
	}
	if !open(r.URL.Path) && !s.authorized(r) {
		s.refuse(r, "token")
		writeJSON(w, http.StatusUnauthorized, []byte("{}"))
		return
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	found, args, _ := s.reference.routes.match(method, r.URL.Path)
	if found == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	who := caller.Caller{Role: s.role, Why: "the token's role is " + string(s.role)}
	if !allowed(s.role, found.need) {
		s.refuse(r, "role")
		writeError(w, refusal(found, args, who, caller.Policy{}))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), callTime)
	defer cancel()
	_ = found.handle(&call{w: w, r: r.WithContext(ctx), caller: who, args: args}) // answers its own errors
}

// open reports whether a path needs no token. Those but the first are not there,
// and say so without one, as in a reference without them.
func open(path string) bool {
	return path == "/health" || path == "/sso" || strings.HasPrefix(path, "/app")
}

func (s *Compat) refuse(r *http.Request, reason string) {
	s.log.Debug("compatible API refusal", "method", r.Method, "path", clip(r.URL.Path), "caller", r.RemoteAddr, "reason", reason)
}

// fromHere is the source filter (spec 06 §5.2).
func (s *Compat) fromHere(remote string) bool {
	a, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	ip := a.Addr().Unmap().WithZone("")
	if ip.IsLoopback() {
		return true
	}
	for _, p := range s.allow {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// authorized looks for the token in the header X-ZT1-Auth, the query parameter
// auth and the header Authorization, in this order; the first that is present
// decides alone (spec 06 §5.2).
func (s *Compat) authorized(r *http.Request) bool {
	token := ""
	if h, there := r.Header["X-Zt1-Auth"]; there {
		token = h[0]
	} else if q := r.URL.Query(); q.Has("auth") {
		token = q.Get("auth")
	} else {
		words := strings.Split(r.Header.Get("Authorization"), " ")
		if len(words) != 2 || !strings.EqualFold(words[0], "bearer") {
			return false
		}
		token = words[1]
	}
	sum := sha256.Sum256([]byte(token)) // equal lengths, so that comparing takes the same time always
	all := subtle.ConstantTimeCompare(sum[:], s.tokens[0][:]) == 1 && s.has[0]
	measures := subtle.ConstantTimeCompare(sum[:], s.tokens[1][:]) == 1 && s.has[1]
	return all || measures && r.URL.Path == metricsPath
}
