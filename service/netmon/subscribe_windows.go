package netmon

import (
	"context"
	"errors"

	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"
)

// subscribe registers callbacks at once, so that nothing after it is missed,
// and returns what reports from them until the context ends.
func subscribe() (func(ctx context.Context, changed func(Notice)) error, error) {
	// The callbacks must not wait: they leave a mark each, and one mark of a
	// kind is as good as many.
	links, addrs, routes := make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{}, 1)
	mark := func(c chan struct{}) {
		select {
		case c <- struct{}{}:
		default:
		}
	}
	type registration interface{ Unregister() error }
	var regs []registration
	unregister := func() error {
		var errs []error
		for _, r := range regs {
			errs = append(errs, r.Unregister())
		}
		return errors.Join(errs...)
	}
	l, err := winipcfg.RegisterInterfaceChangeCallback(func(winipcfg.MibNotificationType, *winipcfg.MibIPInterfaceRow) { mark(links) })
	if err != nil {
		return nil, err
	}
	regs = append(regs, l)
	a, err := winipcfg.RegisterUnicastAddressChangeCallback(func(winipcfg.MibNotificationType, *winipcfg.MibUnicastIPAddressRow) { mark(addrs) })
	if err != nil {
		return nil, errors.Join(err, unregister())
	}
	regs = append(regs, a)
	r, err := winipcfg.RegisterRouteChangeCallback(func(winipcfg.MibNotificationType, *winipcfg.MibIPforwardRow2) { mark(routes) })
	if err != nil {
		return nil, errors.Join(err, unregister())
	}
	regs = append(regs, r)
	return func(ctx context.Context, changed func(Notice)) error {
		for {
			select {
			case <-links:
				changed(Notice{Links: true})
			case <-addrs:
				changed(Notice{Addresses: true})
			case <-routes:
				changed(Notice{Routes: true})
			case <-ctx.Done():
				return unregister()
			}
		}
	}, nil
}
