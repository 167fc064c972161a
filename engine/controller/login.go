package controller

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/wire"
)

// loginNeeded reports whether a member must log in first (spec 05 §3.3 step 7).
func (c *Controller) loginNeeded(at clock.Instant, n *network, m *member) bool {
	return n.view.sso && !m.view.ssoExempt && m.view.expiry <= uint64(max(at.Wall, 0))
}

// askLogin tells a member where to log in. There is no log-in service behind
// this controller: if the record names none either, the member hears only that it
// has to log in. The reference sends an empty address, which its members ignore.
func (c *Controller) askLogin(n *network) Reply {
	a := wire.Authentication{Network: n.id, URL: n.view.loginURL}
	return Reply{Outcome: Refused, Code: wire.ErrorNetworkAuthenticationRequired, Body: a.Append(nil)}
}

// watchLogin remembers when the log-in behind a configuration runs out (spec 05
// §3.13).
func (c *Controller) watchLogin(n *network, m *member) {
	if !n.view.sso || m.view.expiry == 0 {
		return
	}
	m.expiry = m.view.expiry
	if !m.expiring {
		m.expiring = true
		c.expiring = append(c.expiring, job{n, m})
	}
}

// expireLogins revokes the memberships of those whose log-in ran out. The
// record does not change: the next request is answered by [Controller.askLogin].
func (c *Controller) expireLogins(at clock.Instant) {
	if len(c.expiring) == 0 || at.Mono-c.expiredAt < expiryGap {
		return
	}
	c.expiredAt = at.Mono
	c.expiring = slices.DeleteFunc(c.expiring, func(j job) bool {
		if m := j.m; !m.gone && m.expiry > uint64(max(at.Wall, 0)) {
			return false
		}
		j.m.expiring = false
		if !j.m.gone && !j.m.view.tombstone && c.loginNeeded(at, j.n, j.m) && j.m.view.authorized {
			c.deauthorise(at, j.n, j.m)
		}
		return true
	})
}
