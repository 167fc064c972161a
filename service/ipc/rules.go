package ipc

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// RuleTag is a number that a network's controller attached to a member.
type RuleTag struct {
	ID    uint32 `json:"id"`
	Value uint32 `json:"value"`
}

// RuleList is a list of rules.
type RuleList struct {
	// Capability is the ID of the capability whose rules these are, absent for
	// the network's own.
	Capability *uint32 `json:"capability,omitempty"`
	// Text has the rules for people, in the rule language.
	Text string `json:"text"`
	// Rules has them in the reference's JSON form, in the order of evaluation.
	Rules []json.RawMessage `json:"rules"`
}

// NetworkRules are the rules by which a node judges the frames of a network.
type NetworkRules struct {
	Network string   `json:"network"`
	Rules   RuleList `json:"rules"`
	// Capabilities and Tags are our own.
	Capabilities []RuleList `json:"capabilities"`
	Tags         []RuleTag  `json:"tags"`
}

// FrameQuery is a frame whose treatment is to be explained.
type FrameQuery struct {
	// Frame is an Ethernet frame from its destination MAC on, base64 in JSON.
	// MACs of zeros are those of the nodes at the ends.
	Frame []byte `json:"frame"`
	// Direction is "in" or "out", seen from this node; empty takes it from the
	// addresses.
	Direction string `json:"direction,omitempty"`
	// From and To are the nodes at the ends; empty takes them from the MACs.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// RuleExplanation says what a network's rules make of a frame, and why.
type RuleExplanation struct {
	Network        string `json:"network"`
	Direction      string `json:"direction"`
	From           string `json:"from"`
	To             string `json:"to,omitempty"`
	SourceMAC      string `json:"sourceMac"`
	DestinationMAC string `json:"destinationMac"`
	EtherType      string `json:"etherType"`
	Bytes          int    `json:"bytes"`
	// Verdict is "accept", "super-accept" (past the checks of MACs too), "drop"
	// or "redirect".
	Verdict string `json:"verdict"`
	// Why says in a sentence which rule decided.
	Why string `json:"why"`
	// Copies are the frames that rules have sent elsewhere.
	Copies []RuleCopy `json:"copies"`
	// Notes are what else there is to know.
	Notes     []string  `json:"notes"`
	OurTags   []RuleTag `json:"ourTags"`
	TheirTags []RuleTag `json:"theirTags"`
	// Lists are those that were evaluated: the network's rules, then
	// capabilities.
	Lists []ExplainedList `json:"lists"`
}

// RuleCopy is a frame that a rule has sent to a node.
type RuleCopy struct {
	To string `json:"to"`
	// Kind is "tee", "watch" or "redirect".
	Kind  string `json:"kind"`
	Bytes int    `json:"bytes"`
}

// ExplainedList is the evaluation of one list.
type ExplainedList struct {
	Capability *uint32 `json:"capability,omitempty"`
	// Result is "no match" if the list did not decide.
	Result string          `json:"result"`
	Rules  []ExplainedRule `json:"rules"`
}

// ExplainedRule is what became of one rule.
type ExplainedRule struct {
	// Number counts from 1.
	Number int    `json:"number"`
	Text   string `json:"text"`
	// State of a match is "matched", "not matched" or "not asked", of an action
	// "applied" or "not applied"; of both "not reached".
	State string `json:"state"`
	// Saw is what the frame or the credentials have of what a match compares.
	Saw string `json:"saw,omitempty"`
	// Effect is what else there is to say of it.
	Effect string `json:"effect,omitempty"`
	// Decided marks the action that ended the evaluation.
	Decided bool `json:"decided,omitempty"`
}

// NetworkRules returns the rules of a joined network.
func (c *Client) NetworkRules(ctx context.Context, id string) (*NetworkRules, error) {
	return get[NetworkRules](ctx, c, "/v1/networks/"+url.PathEscape(id)+"/rules")
}

// ExplainFrame says what the rules of a joined network make of a frame. Nothing
// is sent.
func (c *Client) ExplainFrame(ctx context.Context, id string, q FrameQuery) (*RuleExplanation, error) {
	return send[RuleExplanation](ctx, c, http.MethodPost, "/v1/networks/"+url.PathEscape(id)+"/rules/explain", q)
}
