package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"orrery/engine/identity"
	"orrery/service/ipc"
)

// The version of the reference whose API and protocol this is. Tools compare
// it; our own version is in the additional field orreryVersion.
const (
	refMajor, refMinor, refRevision = 1, 14, 1
	refVersion                      = "1.14.1"
)

// referencePrefix is where the local API has the reference's.
const referencePrefix = "/v1/reference"

// cutReference returns the reference's path in one of the local API.
func cutReference(path string) (string, bool) {
	inner, ok := strings.CutPrefix(path, referencePrefix)
	return inner, ok && strings.HasPrefix(inner, "/")
}

// Reference is the reference's JSON API (spec 06 §5) over a [Backend], without
// transport and authentication: [Server] and [Compat] add those.
type Reference struct {
	backend Backend
	log     *slog.Logger
	now     func() time.Time
	routes  table
}

// NewReference makes the API. log may be nil.
func NewReference(b Backend, log *slog.Logger) *Reference {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	f := &Reference{backend: b, log: log, now: time.Now}
	const get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	f.routes = table{
		{get, "/health", ipc.Observer, "reading the status", "orreryctl /health", f.health},
		{get, metricsPath, ipc.Observer, "reading measurements", "orreryctl metrics", f.metrics},
		{get, "/status", ipc.Observer, "reading the status", "orreryctl info", f.status},
		{get, "/config", ipc.Operator, "reading the configuration", "orreryctl /config", f.config},
		{post, "/config/settings", ipc.Administrator, "changing global settings", "", f.putSettings},
		{get, "/peer", ipc.Observer, "listing peers", "orreryctl peers", f.peers},
		{get, "/peer/{address}", ipc.Observer, "reading a peer", "orreryctl peers", f.peer},
		{get, "/network", ipc.Observer, "listing networks", "orreryctl listnetworks", f.networks},
		{get, "/network/{network}", ipc.Observer, "reading a network", "orreryctl listnetworks", f.network},
		{post, "/network/{network}", ipc.Operator, "joining or changing a network", "orreryctl join {network}", f.join},
		{del, "/network/{network}", ipc.Operator, "leaving a network", "orreryctl leave {network}", f.leave},
		{get, "/moon", ipc.Observer, "listing moons", "orreryctl listmoons", f.moons},
		{get, "/moon/{moon}", ipc.Observer, "reading a moon", "orreryctl listmoons", f.moon},
		{post, "/moon/{moon}", ipc.Administrator, "using a moon", "orreryctl orbit {moon} SEED", f.orbit},
		{del, "/moon/{moon}", ipc.Administrator, "leaving a moon", "orreryctl deorbit {moon}", f.deorbit},
		{get, "/bond/show/{address}", ipc.Observer, "reading a bond", "", f.bond},
		{post, "/bond/rotate/{address}", ipc.Operator, "changing a bond", "", f.bond},
		{post, "/bond/setmtu/{mtu}/{interface}/{ip}", ipc.Administrator, "changing a bond", "", f.bondMTU},

		{get, "/controller", ipc.Administrator, "using the network controller", "orreryctl network list", f.controller(f.controllerStatus)},
		{get, "/controller/network", ipc.Administrator, "listing one's own networks", "orreryctl network list", f.controller(f.controlNetworks)},
		{post, "/controller/network", ipc.Administrator, "creating a network", "orreryctl network create", f.controller(f.controlCreate)},
		{get, "/controller/network/{network}", ipc.Administrator, "reading one's own network", "orreryctl network show {network}", f.controller(f.controlNetwork)},
		{post, "/controller/network/{network}", ipc.Administrator, "changing one's own network", "orreryctl network create", f.controller(f.controlPut)},
		{del, "/controller/network/{network}", ipc.Administrator, "deleting one's own network", "orreryctl network delete {network}", f.controller(f.controlDelete)},
		{get, "/controller/network/{network}/member", ipc.Administrator, "listing members", "orreryctl network members {network}", f.controller(f.members)},
		{get, "/controller/network/{network}/member/{address}", ipc.Administrator, "reading a member", "orreryctl network members {network}", f.controller(f.member)},
		{post, "/controller/network/{network}/member/{address}", ipc.Administrator, "changing a member", "orreryctl network authorize {network} {address}", f.controller(f.memberPut)},
		{del, "/controller/network/{network}/member/{address}", ipc.Administrator, "removing a member", "orreryctl network deauthorize {network} {address}", f.controller(f.memberDelete)},
		{get, "/unstable/controller/network", ipc.Administrator, "listing one's own networks", "orreryctl network list", f.controller(f.controlNetworksFull)},
		{get, "/unstable/controller/network/{network}/member", ipc.Administrator, "listing members", "orreryctl network members {network}", f.controller(f.membersFull)},
	}
	for _, r := range slices.Clone(f.routes) { // PUT is POST everywhere (spec 06 §5.1)
		if r.method == post {
			r.method = put
			f.routes = append(f.routes, r)
		}
	}
	for i := range f.routes {
		f.routes[i].handle = f.answered(f.routes[i].handle)
	}
	return f
}

// Answers that the reference gives with an empty body.
var (
	errNothing  = errors.New("404 with an empty body")
	errBadShape = errors.New("400 with an empty body")
)

// answered answers a handler's errors the reference's way: statuses with an
// empty body, or {"error": N, "description": "…"}.
func (f *Reference) answered(h handler) handler {
	return func(c *call) error {
		err := h(c)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errNothing):
			c.w.WriteHeader(http.StatusNotFound)
			return nil
		case errors.Is(err, errBadShape):
			c.w.WriteHeader(http.StatusBadRequest)
			return nil
		}
		e, internal := typed(err)
		if internal {
			f.log.Error("reference API call", "method", c.r.Method, "path", clip(c.r.URL.Path), "err", err)
		}
		text := e.Message
		if e.Advice != "" {
			text += ". " + e.Advice
		}
		f.describe(c, statusOf(e), text)
		return nil
	}
}

// describe answers with an error text in the reference's layout, escaped.
func (f *Reference) describe(c *call, status int, text string) {
	b, err := compact(text)
	if err != nil {
		b = []byte(`""`)
	}
	writeJSON(c.w, status, fmt.Appendf(nil, `{"error": %d, "description": %s}`, status, b))
}

// compact encodes as the reference does: compact, keys in byte order (which
// needs maps and not structs), nothing but what JSON must escape escaped.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// send answers with v as JSON.
func (f *Reference) send(c *call, status int, v any) error {
	b, err := compact(v)
	if err != nil {
		return err
	}
	if c.r.Method == http.MethodHead {
		c.w.Header().Set("Accept-Ranges", "bytes")
	}
	writeJSON(c.w, status, b)
	return nil
}

// empty is the empty object of many answers.
var empty = struct{}{}

// snapshot returns a snapshot as the caller may see it.
func (f *Reference) snapshot(c *call) (*ipc.Snapshot, error) {
	s, err := f.backend.Snapshot(c.ctx())
	if err != nil {
		return nil, err
	}
	return redactSnapshot(normal(s), c.caller.Role), nil
}

func (f *Reference) health(c *call) error {
	s, err := f.snapshot(c)
	if err != nil {
		return err
	}
	return f.send(c, http.StatusOK, healthObject(&s.Status, f.now()))
}

func (f *Reference) status(c *call) error {
	s, err := f.snapshot(c)
	if err != nil {
		return err
	}
	conf, err := f.backend.Config(c.ctx())
	if err != nil {
		return err
	}
	o := statusObject(&s.Status, conf, f.now())
	if c.caller.Role == ipc.Observer {
		o["config"] = empty
	}
	return f.send(c, http.StatusOK, o)
}

func (f *Reference) config(c *call) error {
	conf, err := f.backend.Config(c.ctx())
	if err != nil {
		return err
	}
	v, err := sortedJSON(conf.LocalConf)
	if err != nil {
		return err
	}
	return f.send(c, http.StatusOK, v)
}

func (f *Reference) putSettings(c *call) error {
	b, err := f.jsonBody(c)
	if err != nil || b == nil {
		return err
	}
	var settings map[string]json.RawMessage
	if json.Unmarshal(b, &settings) == nil && len(settings) > 0 { // not an object: ignored (spec 06 §5.8)
		if err := f.backend.PutSettings(c.ctx(), settings); err != nil {
			return err
		}
	}
	return f.send(c, http.StatusOK, empty)
}

// jsonBody returns the body. If it is not JSON it has answered 500 already and
// returns nil.
func (f *Reference) jsonBody(c *call) ([]byte, error) {
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	var v json.RawMessage
	if err := json.Unmarshal(b, &v); err != nil {
		f.describe(c, http.StatusInternalServerError, "parse error: "+jsonSyntax(b, err))
		return nil, nil
	}
	return b, nil
}

// jsonSyntax says where JSON is wrong.
func jsonSyntax(b []byte, err error) string {
	var s *json.SyntaxError
	if !errors.As(err, &s) {
		return err.Error()
	}
	before := b[:min(max(s.Offset, 0), int64(len(b)))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := len(before) - bytes.LastIndexByte(before, '\n') - 1
	return fmt.Sprintf("line %d, column %d: %v", line, column, err)
}

func (f *Reference) peers(c *call) error {
	s, tunneled, err := f.peerList(c)
	if err != nil {
		return err
	}
	objects := make([]any, 0, len(s.Peers))
	for i := range s.Peers {
		if s.Peers[i].Address != s.Status.Address {
			objects = append(objects, peerObject(&s.Peers[i], tunneled))
		}
	}
	return f.send(c, http.StatusOK, objects)
}

func (f *Reference) peer(c *call) error {
	a, err := identity.ParseAddress(c.args["address"])
	if err != nil {
		return errNothing
	}
	s, tunneled, err := f.peerList(c)
	if err != nil {
		return err
	}
	for i := range s.Peers {
		if s.Peers[i].Address == a.String() {
			return f.send(c, http.StatusOK, peerObject(&s.Peers[i], tunneled))
		}
	}
	return f.send(c, http.StatusOK, empty)
}

func (f *Reference) peerList(c *call) (*ipc.Snapshot, bool, error) {
	s, err := f.snapshot(c)
	if err != nil {
		return nil, false, err
	}
	conf, err := f.backend.Config(c.ctx())
	if err != nil {
		return nil, false, err
	}
	return s, conf.TCPFallbackActive, nil
}

func (f *Reference) networks(c *call) error {
	s, err := f.snapshot(c)
	if err != nil {
		return err
	}
	objects := make([]any, len(s.Networks))
	for i := range s.Networks {
		objects[i] = networkObject(&s.Networks[i])
	}
	return f.send(c, http.StatusOK, objects)
}

func (f *Reference) network(c *call) error {
	nwid, err := identity.ParseNetworkID(c.args["network"])
	if err != nil {
		return errNothing
	}
	s, err := f.snapshot(c)
	if err != nil {
		return err
	}
	for i := range s.Networks {
		if s.Networks[i].ID == nwid.String() {
			return f.send(c, http.StatusOK, networkObject(&s.Networks[i]))
		}
	}
	return f.send(c, http.StatusNotFound, empty)
}

// join joins a network and applies those of the four settings that are JSON
// booleans; whatever else is in the body, or no JSON at all, is ignored.
func (f *Reference) join(c *call) error {
	nwid, err := identity.ParseNetworkID(c.args["network"])
	if err != nil {
		return errNothing
	}
	b, err := c.body()
	if err != nil {
		return err
	}
	var fields map[string]any
	_ = json.Unmarshal(b, &fields) // spec 06 §5.6: invalid JSON still joins
	var s ipc.NetworkSettings
	for name, setting := range map[string]**bool{
		"allowManaged": &s.AllowManaged, "allowGlobal": &s.AllowGlobal,
		"allowDefault": &s.AllowDefault, "allowDNS": &s.AllowDNS,
	} {
		if v, ok := fields[name].(bool); ok {
			*setting = &v
		}
	}
	n, err := f.backend.Join(c.ctx(), nwid, s)
	if err != nil {
		return err
	}
	return f.send(c, http.StatusOK, networkObject(redactNetwork(normalNetwork(n), c.caller.Role)))
}

func (f *Reference) leave(c *call) error {
	nwid, err := identity.ParseNetworkID(c.args["network"])
	if err != nil {
		return errNothing
	}
	err = f.backend.Leave(c.ctx(), nwid)
	if notFound(err) {
		return f.send(c, http.StatusOK, empty)
	}
	if err != nil {
		return err
	}
	return f.send(c, http.StatusOK, map[string]any{"result": true})
}

// notFound reports whether the backend knows no such thing.
func notFound(err error) bool {
	var e *ipc.Error
	return errors.As(err, &e) && e.Code == ipc.CodeNotFound
}

// bond answers what the reference answers while bonding is not in use.
func (f *Reference) bond(c *call) error {
	if _, err := identity.ParseAddress(c.args["address"]); err != nil {
		return errNothing
	}
	return f.send(c, http.StatusBadRequest, empty)
}

func (f *Reference) bondMTU(c *call) error {
	if n, err := strconv.Atoi(c.args["mtu"]); err != nil || n < 0 || len(c.args["mtu"]) > 6 {
		return errNothing
	}
	writeJSON(c.w, http.StatusBadRequest, []byte("Bonding layer isn't active yet"))
	return nil
}
