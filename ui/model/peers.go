package model

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"orrery/service/ipc"
	"orrery/ui/text"
)

// PeersPage is what the Peers view shows.
type PeersPage struct {
	Rows []PeerRow
	// Selected is the index in Rows of the selected row, -1 if there are none.
	Selected int
	Filter   string
	// Summary says how many peers there are, and how they are reached.
	Summary string
	Empty   Empty
}

// PeerRow is a peer in words: a node that is known now, or one with which
// something was settled before.
type PeerRow struct {
	Address string
	// Name is what the user calls it, empty for none; Title is never empty.
	Name, Title string
	// Second is the line below the title: the address, if the title is a name.
	Second string
	Role   string
	// Reach says whether packets go directly; Path is the physical address.
	Reach Badge
	Path  string
	// Why says in sentences why packets do not go directly and what can be done,
	// empty if they do.
	Why     string
	Latency string
	Version string
	Trust   Badge
	// TrustText says in a sentence how the trust came about.
	TrustText string
	Note      string
	Verify    Button
	Rename    Button
	Block     Button // or unblock
	// Settle and Forget decide a conflict: keep the known key, or take the next
	// that turns up. No buttons without a conflict.
	Settle, Forget Button

	order int
}

// Peers returns the page of peers: devices before roots, conflicts before all.
func (s *State) Peers() PeersPage {
	p := PeersPage{Selected: -1, Filter: s.filter}
	direct, relayed := 0, 0
	for _, a := range s.peerAddresses() {
		r := s.peerRow(a)
		switch r.Reach.Mark {
		case MarkDirect:
			direct++
		case MarkRelayed:
			relayed++
		}
		if r.matches(s.filter) {
			p.Rows = append(p.Rows, r)
		}
	}
	slices.SortStableFunc(p.Rows, func(a, b PeerRow) int {
		return cmp.Or(cmp.Compare(a.order, b.order), unnamedLast(a, b), cmp.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title)), cmp.Compare(a.Address, b.Address))
	})
	if len(p.Rows) > 0 {
		p.Selected = max(0, slices.IndexFunc(p.Rows, func(r PeerRow) bool { return r.Address == s.peer }))
	}
	p.Summary = text.Get("peers.summary", "direct", text.Plural("peers.direct", direct), "relayed", text.Plural("peers.relayed", relayed))
	p.Empty = Empty{Mark: MarkRelayed, Title: text.Get("peers.empty.title"), Text: text.Get("peers.empty.text")}
	if s.filter != "" {
		p.Empty = Empty{Mark: MarkOff, Title: text.Get("peers.nomatch.title"), Text: text.Get("peers.nomatch.text", "filter", s.filter)}
	}
	return p
}

// Peer returns one row of the page of peers.
func (s *State) Peer(address string) (PeerRow, bool) {
	_, met := s.peers[address]
	_, recorded := s.trust[address]
	if !met && !recorded {
		return PeerRow{}, false
	}
	return s.peerRow(address), true
}

// peerAddresses lists the peers to show: all that are known now, and those not
// here about which the user has said something or has to.
func (s *State) peerAddresses() []string {
	list := sortedKeys(s.peers)
	for _, a := range sortedKeys(s.trust) {
		r := s.trust[a]
		_, here := s.peers[a]
		if !here && (r.State == ipc.Verified || r.State == ipc.Blocked || r.Name != "" || r.Conflict != "") {
			list = append(list, a)
		}
	}
	return list
}

func (s *State) peerRow(address string) PeerRow {
	p, here := s.peers[address]
	rec := s.trust[address]
	r := PeerRow{Address: address, Name: clean(cmp.Or(rec.Name, p.Name), nameLimit), Latency: missing, Version: missing, Note: clean(rec.Note, detailLimit)}
	r.Title, r.Second = address, text.Get("peer.noname")
	if r.Name != "" {
		r.Title, r.Second = r.Name, address
	}
	if here {
		r.Role, r.order = roleOfPeer(p.Role)
		r.Reach, r.Path = reach(p)
		r.Why = why(p)
		r.Latency = latency(p.LatencyMs)
		r.Version = cmp.Or(clean(p.Version, versionLimit), missing)
	} else {
		r.Role, r.order = missing, 2
		r.Reach, r.Path = Badge{MarkOff, Neutral, text.Get("peer.away")}, missing
	}
	state := cmp.Or(rec.State, p.Trust)
	if here && state == ipc.Blocked {
		r.Reach, r.Path, r.Why = Badge{MarkOff, Neutral, text.Get("peer.none")}, missing, ""
	}
	r.Trust, r.TrustText = s.trustOf(state, rec)
	s.peerButtons(&r, state, rec)
	if rec.Conflict != "" {
		r.order = -1
	}
	return r
}

// unnamedLast orders peers with a name before those without.
func unnamedLast(a, b PeerRow) int {
	switch {
	case a.Name != "" && b.Name == "":
		return -1
	case a.Name == "" && b.Name != "":
		return 1
	}
	return 0
}

// missing stands where a value is not known.
const missing = "–"

func (s *State) peerButtons(r *PeerRow, state ipc.TrustState, rec ipc.TrustRecord) {
	button := func(do ActionKind, id string) Button {
		b := s.guard(Button{Label: text.Get(id), Action: Action{Do: do, Target: r.Address}})
		b.Enabled = b.Enabled && !s.busy(false, r.Address)
		return b
	}
	r.Verify = button(Verify, "peer.verify")
	if s.Up() { // looking at the number needs no role
		r.Verify.Enabled, r.Verify.Why = true, ""
	}
	r.Rename = button(Rename, "peer.rename")
	r.Block = button(Block, "peer.block")
	if state == ipc.Blocked {
		r.Block = button(Unblock, "peer.unblock")
	}
	if rec.Conflict != "" {
		r.Settle = button(Settle, "peer.settle")
		r.Forget = button(Forget, "peer.forget")
	}
}

// trustOf puts a trust record into words. A conflict comes before the state.
func (s *State) trustOf(state ipc.TrustState, rec ipc.TrustRecord) (Badge, string) {
	b := Badge{MarkUnverified, Neutral, text.Get("trust.seen")}
	switch state {
	case ipc.Seen:
	case ipc.Verified:
		b = Badge{MarkVerified, Good, text.Get("trust.verified")}
	case ipc.Blocked:
		b = Badge{MarkBlocked, Bad, text.Get("trust.blocked")}
	}
	id := "trust.seen.text"
	if state == ipc.Verified || state == ipc.Blocked {
		id = "trust." + string(state) + ".text"
	}
	sentence := text.Get(id)
	if how := howText(rec.How); how != "" && !rec.Changed.IsZero() {
		sentence += " " + text.Get("trust.since", "date", s.date(rec.Changed), "how", how)
	}
	if rec.Conflict != "" {
		b = Badge{MarkConflict, Bad, text.Get("trust.conflict")}
		sentence = text.Get("trust.conflict.text") + " " + sentence
	}
	return b, sentence
}

// howText translates what led to a trust state; what it does not know is shown
// as the service says it.
func howText(how string) string {
	if strings.HasPrefix(how, "first seen in ") { // a message's name follows
		how = "first contact"
	}
	switch how {
	case "first contact", "safety number", "invite", "contact card", "identity", "user", "mismatch":
		return text.Get("trust.how." + strings.ReplaceAll(how, " ", ""))
	}
	return clean(how, nameLimit)
}

// roleOfPeer is a peer's role in words, and its place in the list.
func roleOfPeer(role string) (words string, order int) {
	switch role {
	case "LEAF":
		return text.Get("peer.role.leaf"), 0
	case "PLANET":
		return text.Get("peer.role.planet"), 3
	case "MOON":
		return text.Get("peer.role.moon"), 3
	}
	return clean(role, versionLimit), 1
}

// reach says how packets get to a peer. A root has nobody to relay for it.
func reach(p ipc.Peer) (Badge, string) {
	path := ""
	for _, x := range p.Paths {
		if x.Expired {
			continue
		}
		if x.Preferred || path == "" {
			path = x.Address
		}
	}
	switch {
	case p.Direct:
		return Badge{MarkDirect, Good, text.Get("peer.direct")}, cmp.Or(path, missing)
	case p.Tunnelled:
		return Badge{MarkRelayed, Warning, text.Get("peer.tunnelled")}, cmp.Or(path, missing)
	case p.Role == "PLANET" || p.Role == "MOON", p.Reason == "silent", p.Reason == "no-root":
		return Badge{MarkWarning, Warning, text.Get("peer.silent")}, cmp.Or(path, missing)
	}
	return Badge{MarkRelayed, Warning, text.Get("peer.relayed")}, reason(p.Reason, ".short", text.Get("peer.relayed.path"))
}

// why says why a peer is not reached directly, and what can be done about it.
func why(p ipc.Peer) string {
	if p.Reason == "" {
		return ""
	}
	sentence := reason(p.Reason, "", clean(p.ReasonText, detailLimit))
	if p.Passing {
		return sentence
	}
	return strings.TrimSpace(sentence + " " + reason(p.Reason, ".advice", clean(p.Advice, detailLimit)))
}

// reason translates a part of a reason; of one that it does not know, as of a
// newer service, it returns otherwise.
func reason(code, part, otherwise string) string {
	id := "reason." + code + part
	if s := text.Get(id); s != id {
		return s
	}
	return otherwise
}

func latency(ms int) string {
	switch {
	case ms < 0:
		return missing
	case ms == 0:
		return text.Get("peer.latency.under")
	}
	return text.Get("peer.latency", "ms", strconv.Itoa(ms))
}

func (r *PeerRow) matches(filter string) bool {
	for _, f := range []string{r.Title, r.Address, r.Path, r.Role, r.Trust.Text, r.Reach.Text} {
		if strings.Contains(strings.ToLower(f), filter) {
			return true
		}
	}
	return false
}
