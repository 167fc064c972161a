//go:build linux

package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"orrery/service/ipc"
)

// patience is how long the demonstration waits for something to happen. Every
// one of these takes a second or two on an idle machine.
const patience = 2 * time.Minute

func (d *demo) makeLab(context.Context) (string, error) {
	var err error
	d.lab, err = newLab(&d.cfg, d.folder)
	return "", err
}

// each does something for all hosts at once, or for those of some roles.
func (d *demo) each(of []role, do func(*host) error) error {
	failed := make([]error, len(of))
	done := make(chan struct{}, len(of))
	for i, r := range of {
		go func() {
			failed[i] = do(d.lab.hosts[r])
			done <- struct{}{}
		}()
	}
	for range of {
		<-done
	}
	return errors.Join(failed...)
}

func (d *demo) makeIdentities(ctx context.Context) (string, error) {
	return "", d.each(roles, func(h *host) error {
		_, err := d.lab.tool(ctx, "id", "generate", filepath.Join(h.home, "identity.secret"), filepath.Join(h.home, "identity.public"))
		return err
	})
}

func (d *demo) makePlanet(ctx context.Context) (string, error) {
	h := d.lab.hosts[root]
	file := d.folder.file("planet")
	_, err := d.lab.tool(ctx, "planet", "make", "--root", fmt.Sprintf("%s=%s/%d", filepath.Join(h.home, "identity.public"), h.place, port),
		"--out", file, "--key", d.folder.file("planet.key"))
	if err != nil {
		return "", err
	}
	planet, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the planet: %w", err)
	}
	return "", d.each(roles, func(h *host) error {
		if err := os.WriteFile(filepath.Join(h.home, "planet"), planet, 0o644); err != nil {
			return fmt.Errorf("give %s its planet: %w", h.role, err)
		}
		return nil
	})
}

func (d *demo) startNodes(ctx context.Context) (string, error) {
	return "", d.each(roles, func(h *host) error {
		if err := d.lab.run(h, d.quit); err != nil {
			return err
		}
		err := until(ctx, patience, func(ctx context.Context) (bool, error) {
			s, err := h.client.Status(ctx)
			if errors.Is(err, ipc.ErrNotRunning) {
				return false, nil
			}
			if err == nil {
				h.address = s.Address
			}
			return err == nil, err
		})
		if err != nil {
			return h.wrap("its local API at %s does not answer: %w", h.socket, err)
		}
		return nil
	})
}

func (d *demo) awaitOnline(ctx context.Context) (string, error) {
	return "", d.each(roles[1:], func(h *host) error {
		err := until(ctx, patience, func(ctx context.Context) (bool, error) {
			s, err := h.client.Status(ctx)
			return err == nil && s.Online, err
		})
		if err != nil {
			return h.wrap("it is not online: %w", err)
		}
		return nil
	})
}

// reference makes a request of the controller's API.
func (h *host) reference(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode a request: %w", err)
	}
	status, answer, err := h.client.Reference(ctx, http.MethodPost, path, body)
	if err != nil {
		return h.wrap("%s: %w", path, err)
	}
	if status != http.StatusOK {
		return h.wrap("%s: HTTP status %d: %s", path, status, answer)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return h.wrap("%s: %w", path, err)
	}
	return nil
}

// object is JSON.
type object = map[string]any

func (d *demo) createNetwork(ctx context.Context) (string, error) {
	h := d.lab.hosts[controller]
	var made struct{ ID string }
	// The controller completes the ID behind its own address.
	err := h.reference(ctx, "/controller/network/"+h.address+"______", object{
		"name": "Observatory", "private": true,
		"v4AssignMode": object{"zt": true}, "v6AssignMode": object{"rfc4193": true},
		"routes":            []object{{"target": "10.147.17.0/24"}},
		"ipAssignmentPools": []object{{"ipRangeStart": "10.147.17.1", "ipRangeEnd": "10.147.17.254"}},
	}, &made)
	if err != nil {
		return "", err
	}
	d.network = made.ID
	return d.network, nil
}

// join lets the members knock, with an invite by which they know the controller,
// and the controller's owner open.
func (d *demo) join(ctx context.Context) (string, error) {
	start := time.Now()
	c := d.lab.hosts[controller]
	invite, err := c.client.Invite(ctx, d.network, "")
	if err != nil {
		return "", c.wrap("make an invite: %w", err)
	}
	err = d.each(members, func(h *host) error {
		if _, err := h.client.JoinInvite(ctx, d.network, ipc.Join{Invite: invite.Link}); err != nil {
			return h.wrap("join the network: %w", err)
		}
		if err := d.awaitNetwork(ctx, h, func(n *ipc.Network) bool { return n.Status == ipc.AccessDenied }); err != nil {
			return h.wrap("the controller should ask for admission first: %w", err)
		}
		var member struct{ Authorized bool }
		err := c.reference(ctx, "/controller/network/"+d.network+"/member/"+h.address, object{"authorized": true, "name": h.role.name()}, &member)
		if err != nil {
			return err
		}
		if !member.Authorized {
			return c.wrap("it did not admit %s", h.role)
		}
		err = d.awaitNetwork(ctx, h, func(n *ipc.Network) bool {
			h.ip = firstIPv4(n.Addresses)
			return n.Status == ipc.OK && h.ip != ""
		})
		if err != nil {
			return h.wrap("it has no address in the network: %w", err)
		}
		return nil
	})
	d.result.joined = time.Since(start)
	return "", err
}

// awaitNetwork waits until a member's network is as it should be.
func (d *demo) awaitNetwork(ctx context.Context, h *host, good func(*ipc.Network) bool) error {
	last := ipc.NetworkStatus("unknown")
	err := until(ctx, patience, func(ctx context.Context) (bool, error) {
		n, err := h.client.Network(ctx, d.network)
		if err != nil {
			return false, err
		}
		last = n.Status
		return good(n), nil
	})
	if err != nil {
		return fmt.Errorf("%w; its state there is %s", err, last)
	}
	return nil
}

// firstIPv4 is the first IPv4 address of a list of "ip/bits".
func firstIPv4(addresses []string) string {
	for _, a := range addresses {
		if p, err := netip.ParsePrefix(a); err == nil && p.Addr().Is4() {
			return p.Addr().String()
		}
	}
	return ""
}

// awaitDirect waits until Ada and Ben need no root between them, and gives all peers
// a name.
func (d *demo) awaitDirect(ctx context.Context) (string, error) {
	a, b := d.lab.hosts[memberA], d.lab.hosts[memberB]
	path := ""
	err := until(ctx, patience, func(ctx context.Context) (bool, error) {
		p, err := a.client.Peer(ctx, b.address)
		if err != nil {
			return false, err
		}
		path = pathOf(p)
		return p.Direct && path != "", nil
	})
	if err != nil {
		return "", a.wrap("it talks to %s only through the root: %w", b.role, err)
	}
	for _, h := range d.lab.hosts {
		for _, other := range d.lab.hosts {
			if h == other {
				continue
			}
			// Not every node knows every other: the root never talks about itself.
			if _, err := h.client.UpdateTrust(ctx, other.address, setName(other.role.name())); err != nil && !isNotFound(err) {
				return "", h.wrap("name %s: %w", other.role, err)
			}
		}
	}
	return path, nil
}

func isNotFound(err error) bool {
	var e *ipc.Error
	return errors.As(err, &e) && e.Code == ipc.CodeNotFound
}

// pathOf is the path that is in use to a peer.
func pathOf(p *ipc.Peer) string {
	for _, path := range p.Paths {
		if path.Preferred && !path.Expired {
			return path.Address
		}
	}
	return ""
}

// compare does what two people do on the telephone.
func (d *demo) compare(ctx context.Context) (string, error) {
	a, b := d.lab.hosts[memberA], d.lab.hosts[memberB]
	atA, err := a.client.Verification(ctx, b.address)
	if err != nil {
		return "", a.wrap("the safety number: %w", err)
	}
	atB, err := b.client.Verification(ctx, a.address)
	if err != nil {
		return "", b.wrap("the safety number: %w", err)
	}
	if len(atA.Groups) != 12 || !slices.Equal(atA.Groups, atB.Groups) || !slices.Equal(atA.Words, atB.Words) {
		return "", fmt.Errorf("the safety numbers differ: %s at Ada's, %s at Ben's", strings.Join(atA.Groups, " "), strings.Join(atB.Groups, " "))
	}
	d.result.groups, d.result.words = atA.Groups, atA.Words
	return "it is the same on both sides", nil
}
