package api

import (
	"context"

	"orrery/engine/identity"
	"orrery/service/ipc"
)

// Explainer is implemented by a [Backend] that can say what rules do.
type Explainer interface {
	// Rules returns the rules of a joined network; "not_found" if it is not
	// joined, "unavailable" if it has no configuration yet.
	Rules(ctx context.Context, nwid identity.NetworkID) (*ipc.NetworkRules, error)
	// ExplainFrame runs the rules over a frame, and neither sends nor counts
	// anything. It is "bad_request" if the frame is none, or if it cannot be told
	// between whom it travels.
	ExplainFrame(ctx context.Context, nwid identity.NetworkID, q ipc.FrameQuery) (*ipc.RuleExplanation, error)
}

// explainer is the backend if it is one, and the network of the call.
func (s *Server) explainer(c *call) (Explainer, identity.NetworkID, error) {
	b, ok := s.backend.(Explainer)
	if !ok {
		return nil, 0, ipc.Errorf(ipc.CodeUnsupported, "this service cannot explain rules")
	}
	nwid, err := c.network()
	return b, nwid, err
}

func (s *Server) rules(c *call) error {
	b, nwid, err := s.explainer(c)
	if err != nil {
		return err
	}
	r, err := b.Rules(c.ctx(), nwid)
	if err != nil {
		return err
	}
	list(&r.Capabilities)
	list(&r.Tags)
	list(&r.Rules.Rules)
	return c.reply(r)
}

func (s *Server) explainFrame(c *call) error {
	b, nwid, err := s.explainer(c)
	if err != nil {
		return err
	}
	var q ipc.FrameQuery
	if err := c.decode(&q); err != nil {
		return err
	}
	x, err := b.ExplainFrame(c.ctx(), nwid, q)
	if err != nil {
		return err
	}
	list(&x.Copies)
	list(&x.Notes)
	list(&x.OurTags)
	list(&x.TheirTags)
	list(&x.Lists)
	return c.reply(x)
}
