package ipc

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"time"
)

// KeepAlive is how often the service writes to a stream on which nothing
// happens, so that either side notices a dead one.
const KeepAlive = 15 * time.Second

// maxEvent bounds one event of a stream, in bytes. A snapshot is the largest.
const maxEvent = maxAnswer

// errSilent is why a stream is given up that is not even kept alive.
var errSilent = fmt.Errorf("%w: the service has been silent for too long", ErrCut)

// Events subscribes. The first event is a snapshot; every other one is a change
// with the next sequence number. The sequence ends with a non-nil error:
// ErrNotRunning, ErrNotAllowed, ErrCut and so on, or the context's. To survive
// restarts of the service use [Client.Follow].
func (c *Client) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		watchdog := time.AfterFunc(c.tune.silence, func() { cancel(errSilent) })
		defer watchdog.Stop()
		resp, err := c.send(ctx, http.MethodGet, "/v1/events", nil)
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			answer, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
			yield(Event{}, answerError(resp.StatusCode, answer))
			return
		}
		r := bufio.NewReaderSize(resp.Body, 64<<10)
		for {
			data, err := readEvent(r, func() { watchdog.Reset(c.tune.silence) })
			if err != nil {
				yield(Event{}, streamError(ctx, err))
				return
			}
			var e Event
			if err := json.Unmarshal(data, &e); err != nil {
				yield(Event{}, fmt.Errorf("%w: event: %v", ErrProtocol, err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// streamError says why a stream ended that had begun.
func streamError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if errors.Is(err, ErrProtocol) {
		return err
	}
	return ErrCut
}

// readEvent reads server-sent events up to the next one that has data and
// returns the data. It calls alive for every line.
func readEvent(r *bufio.Reader, alive func()) ([]byte, error) {
	var data []byte
	for {
		line, err := readLine(r)
		if err != nil {
			return nil, err
		}
		alive()
		switch {
		case len(line) == 0:
			if data != nil {
				return data, nil
			}
		case bytes.HasPrefix(line, []byte("data:")):
			value := bytes.TrimPrefix(line[len("data:"):], []byte(" "))
			if data != nil {
				data = append(data, '\n')
			}
			if len(data)+len(value) > maxEvent {
				return nil, fmt.Errorf("%w: an event of more than %d bytes", ErrProtocol, maxEvent)
			}
			data = append(data, value...)
			if data == nil {
				data = []byte{}
			}
		} // comments and the fields id, event and retry repeat what data says
	}
}

// readLine reads a line without its end. The result is valid until the next
// read.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err == nil {
		return bytes.TrimRight(line, "\r\n"), nil
	}
	if !errors.Is(err, bufio.ErrBufferFull) {
		return nil, err
	}
	long := bytes.Clone(line)
	for errors.Is(err, bufio.ErrBufferFull) {
		if line, err = r.ReadSlice('\n'); err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		if len(long)+len(line) > maxEvent {
			return nil, fmt.Errorf("%w: a line of more than %d bytes", ErrProtocol, maxEvent)
		}
		long = append(long, line...)
	}
	return bytes.TrimRight(long, "\r\n"), nil
}
