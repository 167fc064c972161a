package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"

	"orrery/engine/identity"
	"orrery/service/caller"
	"orrery/service/ipc"
)

// maxBody bounds a request's body in bytes (spec 06 §11.3).
const maxBody = 1 << 20

// call is one request on its way through a handler.
type call struct {
	w      http.ResponseWriter
	r      *http.Request
	caller caller.Caller
	args   map[string]string
}

func (c *call) ctx() context.Context { return c.r.Context() }

// network parses the path's network ID.
func (c *call) network() (identity.NetworkID, error) {
	n, err := identity.ParseNetworkID(c.args["network"])
	if err != nil {
		return 0, ipc.Errorf(ipc.CodeBadRequest, "%v", err).
			Advise("A network ID is what the network's owner gives you, for example 8056c2e21c000001")
	}
	return n, nil
}

// address parses the path's node address.
func (c *call) address() (identity.Address, error) {
	a, err := identity.ParseAddress(c.args["address"])
	if err != nil {
		return 0, ipc.Errorf(ipc.CodeBadRequest, "%v", err).
			Advise("The address of a node is shown by \"orreryctl info\" on it")
	}
	if a.Reserved() {
		return 0, ipc.Errorf(ipc.CodeBadRequest, "%s is a reserved address: no node has it", a)
	}
	return a, nil
}

// body reads the request's body.
func (c *call) body() ([]byte, error) {
	b, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	if err == nil {
		return b, nil
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, ipc.Errorf(ipc.CodeTooLarge, "the request body is larger than %d bytes", maxBody)
	}
	return nil, ipc.Errorf(ipc.CodeBadRequest, "the request body could not be read: %v", err)
}

// decode reads the body as one JSON object into out. Unknown fields are
// refused: a setting that is not understood must not look as if it were set.
func (c *call) decode(out any) error {
	b, err := c.body()
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(out); err != nil {
		return ipc.Errorf(ipc.CodeBadRequest, "the request body is not what this call takes: %s", jsonProblem(err)).
			Advise("See service/README.md for the fields of each call; a newer client may need a newer service")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return ipc.Errorf(ipc.CodeBadRequest, "the request body goes on after its JSON object")
	}
	return nil
}

// jsonProblem is a decoding error without Go's own words.
func jsonProblem(err error) string {
	if errors.Is(err, io.EOF) {
		return "it is empty"
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends too early"
	}
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		what := kind.Field
		if what == "" {
			what = "it"
		}
		return fmt.Sprintf("%s is %s, and must be %s", what, jsonValue(kind.Value), jsonType(kind.Type))
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

// jsonValue names what the decoder found, such as "string" or "number 1.5".
func jsonValue(found string) string {
	word, rest, _ := strings.Cut(found, " ")
	if named, ok := map[string]string{"string": "a text", "number": "a number", "bool": "true or false", "array": "a list", "object": "an object"}[word]; ok {
		word = named
	}
	return strings.TrimSpace(word + " " + rest)
}

// jsonType names what a field takes.
func jsonType(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number"
	case reflect.Float32, reflect.Float64:
		return "a number"
	}
	return "an object"
}

// reply answers 200 with v as JSON.
func (c *call) reply(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, b)
	return nil
}

// done answers 200 with an empty object.
func (c *call) done() error { return c.reply(struct{}{}) }

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone; nobody else is concerned
}

// statuses maps codes to HTTP statuses.
var statuses = map[string]int{
	ipc.CodeBadRequest:    http.StatusBadRequest,
	ipc.CodeForbidden:     http.StatusForbidden,
	ipc.CodeForeignOrigin: http.StatusForbidden,
	ipc.CodeNotFound:      http.StatusNotFound,
	ipc.CodeMethod:        http.StatusMethodNotAllowed,
	ipc.CodeConflict:      http.StatusConflict,
	ipc.CodeTooLarge:      http.StatusRequestEntityTooLarge,
	ipc.CodeBusy:          http.StatusServiceUnavailable,
	ipc.CodeTimeout:       http.StatusGatewayTimeout,
	ipc.CodeUnsupported:   http.StatusNotImplemented,
	ipc.CodeUnavailable:   http.StatusServiceUnavailable,
	ipc.CodeInternal:      http.StatusInternalServerError,
}

// typed makes an [ipc.Error] of any error. It is internal if the error says
// nothing that a client could use; the caller logs those.
func typed(err error) (e *ipc.Error, internal bool) {
	if errors.As(err, &e) {
		return e, false
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return ipc.Errorf(ipc.CodeTimeout, "there was no answer in time").Advise("Try again; the node may be offline"), false
	}
	if errors.Is(err, context.Canceled) {
		return ipc.Errorf(ipc.CodeUnavailable, "the request was given up"), false
	}
	return ipc.Errorf(ipc.CodeInternal, "the service failed to do this").Advise("Its log says why"), true
}

func statusOf(e *ipc.Error) int {
	if s, ok := statuses[e.Code]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// writeError answers with the JSON of e.
func writeError(w http.ResponseWriter, e *ipc.Error) {
	b, err := json.Marshal(e)
	if err != nil {
		b = []byte(`{"code":"internal","message":"the service failed to do this"}`)
	}
	writeJSON(w, statusOf(e), b)
}
