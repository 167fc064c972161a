package controller

import (
	"orrery/engine/clock"
	"orrery/engine/identity"
)

// issue builds and signs a member's configuration.
func (c *Controller) issue(at clock.Instant, n *network, m *member, to identity.Identity, e *edit) (chunks [][]byte, config []byte) {
	return nil, nil
}
