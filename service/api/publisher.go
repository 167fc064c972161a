package api

import (
	"context"
	"time"

	"orrery/service/ipc"
)

// errStopping is the answer to calls that come when the service stops.
var errStopping = ipc.Errorf(ipc.CodeUnavailable, "the service is stopping").Advise("Try again")

// publisher is the one goroutine that takes snapshots for the hub, so that
// they are published in the order in which they were taken.
type publisher struct {
	backend Backend
	hub     *Hub
	// finish fills in what the backend leaves open.
	finish func(*ipc.Snapshot)
	// failed is told of snapshots that could not be had.
	failed func(error)
	// changed has room for one notice: more would say the same.
	changed chan struct{}
	// asked carries requests for a snapshot that is taken after the request.
	asked chan chan<- error
	// stopped is closed when run has ended.
	stopped chan struct{}
	// pause is the least time between two snapshots for notices, so that a busy
	// node is shown a few times a second and not for every packet.
	pause time.Duration
	// measure is how often measurements alone are published.
	measure time.Duration
}

// run works until ctx ends.
func (p *publisher) run(ctx context.Context) {
	defer close(p.stopped)
	measure := time.NewTicker(p.measure)
	defer measure.Stop()
	var pause <-chan time.Time // not nil while waiting for the pause to pass
	dirty := false
	for {
		select {
		case <-ctx.Done():
			p.hub.Close()
			return
		case reply := <-p.asked:
			err := p.publish(ctx, true)
			dirty = dirty && err != nil
			reply <- err
			continue
		case <-measure.C:
			if p.hub.Subscribers() > 0 {
				p.note(p.publish(ctx, true))
			}
			continue
		case <-p.changed:
			dirty = true
		case <-pause:
			pause = nil
		}
		if dirty && pause == nil && p.hub.Subscribers() > 0 {
			dirty = false
			p.note(p.publish(ctx, false))
			pause = time.After(p.pause)
		}
	}
}

// publish takes one snapshot.
func (p *publisher) publish(ctx context.Context, everything bool) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	s, err := p.backend.Snapshot(ctx)
	if err != nil {
		return err
	}
	p.finish(s)
	p.hub.Publish(s, everything)
	return nil
}

func (p *publisher) note(err error) {
	if err != nil {
		p.failed(err)
	}
}

// notice never blocks.
func (p *publisher) notice() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// refresh publishes a snapshot that is taken after the call began.
func (p *publisher) refresh(ctx context.Context) error {
	reply := make(chan error, 1)
	select {
	case p.asked <- reply:
	case <-p.stopped:
		return errStopping
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-reply: // it comes: run never ends between question and answer
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
