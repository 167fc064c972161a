package model

import (
	"cmp"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"orrery/service/ipc"
	"orrery/ui/text"
)

// NetworksPage is what the Networks view shows.
type NetworksPage struct {
	Rows []NetworkRow
	// Selected is the index in Rows of the selected row, -1 if there are none.
	Selected int
	Join     Button
	Empty    Empty
}

// Button is something to press. Why says why it is not enabled.
type Button struct {
	Label   string
	Enabled bool
	Why     string
	Action  Action
}

// Empty is what stands in the place of an empty list.
type Empty struct {
	Mark        Mark
	Title, Text string
	Button      Button // no button if its label is empty
}

// NetworkRow is a network in words. It is joined, or was left in this session.
type NetworkRow struct {
	ID     string
	Title  string // the network's name, else its ID
	Joined bool
	Busy   bool // a request about it is under way
	Badge  Badge
	// Sentence says what the badge means and what to do, if anything.
	Sentence string
	// Summary is one short line for lists: the first address or the state.
	Summary   string
	Addresses []Copyable
	Device    string
	MAC       string
	Kind      string // "Private network", …
	// Controller is empty for a network that has none.
	// Controller says whether it is verified; VerifyController offers to do so.
	Controller       string
	VerifyController Button
	// Port is the kind of device and what its packets may carry, Bridging what
	// there is of bridges.
	Port     string
	Bridging string
	// AddressNotes says of addresses what is wrong with them.
	AddressNotes []string
	Routes       []RouteRow
	// DNS names the servers, DNSState what became of them, with no text if they are
	// plainly in use, and DNSNote why and what can be done.
	DNS      string
	DNSState Badge
	DNSNote  string
	Settings []Setting
	Values   []Value
	// Unverified is whom the network turns away, being for verified peers.
	Unverified Unverified
	// Invite makes an invite; no button for a network that has none.
	Invite Button
	// SignIn is a button for networks that want their members to log in, Login until
	// when one is logged in.
	SignIn Button
	Login  string
	// Toggle joins or leaves.
	Toggle Button
}

// Copyable is a text and what is copied when it is clicked.
type Copyable struct{ Text, Copy string }

// Networks returns the page of networks: joined ones, and those left in this
// session, by name.
func (s *State) Networks() NetworksPage {
	p := NetworksPage{
		Selected: -1,
		Join:     s.guard(Button{Label: text.Get("networks.join"), Action: Action{Do: OpenJoin}}),
	}
	for _, id := range sortedKeys(s.networks) {
		p.Rows = append(p.Rows, s.networkRow(s.networks[id], true))
	}
	for _, id := range sortedKeys(s.left) {
		if _, joined := s.networks[id]; !joined {
			p.Rows = append(p.Rows, s.networkRow(s.left[id], false))
		}
	}
	slices.SortStableFunc(p.Rows, func(a, b NetworkRow) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title)), cmp.Compare(a.ID, b.ID))
	})
	if len(p.Rows) > 0 {
		p.Selected = max(0, slices.IndexFunc(p.Rows, func(r NetworkRow) bool { return r.ID == s.network }))
	}
	p.Empty = Empty{Mark: MarkNetwork, Title: text.Get("networks.empty.title"), Text: text.Get("networks.empty.text"), Button: p.Join}
	return p
}

// Network returns one row of the page of networks.
func (s *State) Network(id string) (NetworkRow, bool) {
	if n, ok := s.networks[id]; ok {
		return s.networkRow(n, true), true
	}
	if n, ok := s.left[id]; ok {
		return s.networkRow(n, false), true
	}
	return NetworkRow{}, false
}

func (s *State) networkRow(n ipc.Network, joined bool) NetworkRow {
	r := NetworkRow{
		ID: n.ID, Title: cmp.Or(clean(n.Name, nameLimit), n.ID),
		Joined: joined, Busy: s.busy(true, n.ID),
		Kind: networkKind(n), Controller: s.controllerText(&n),
	}
	if joined {
		r.Badge, r.Sentence = s.networkStatus(n)
		r.Device, r.MAC, r.DNS = clean(n.Device, nameLimit), n.MAC, dnsText(n.DNS)
		for _, a := range n.Addresses {
			r.Addresses = append(r.Addresses, Copyable{Text: a, Copy: plainIP(a)})
		}
		r.AddressNotes = addressNotes(&n)
		r.DNSState, r.DNSNote = dnsState(&n.DNS)
		r.VerifyController, r.Unverified = s.verifyController(&n), s.unverified(&n)
		r.Port, r.Bridging = portText(&n), bridgingText(n.Bridging)
		if controllerOf(n.ID) != "" {
			r.Invite = s.guard(Button{Label: text.Get("network.invite"), Action: Action{Do: OpenInvite, Target: n.ID}})
		}
		r.SignIn, r.Login = s.login(&n)
	} else {
		r.Badge = Badge{MarkOff, Neutral, text.Get("network.left")}
		r.Sentence = text.Get("network.left.text")
	}
	if r.Busy {
		r.Badge.Mark, r.Badge.Tone = MarkBusy, Busy
	}
	r.Summary = r.Badge.Text
	if len(r.Addresses) > 0 && r.Badge.Tone == Good {
		r.Summary = r.Addresses[0].Copy
	}
	r.Settings = s.settings(n.Settings, joined && !r.Busy)
	r.Routes = s.routeRows(&n, joined && !r.Busy)
	if joined {
		r.Values = s.values(&n, !r.Busy)
	}
	r.Toggle = Button{Label: text.Get("network.leave"), Action: Action{Do: Leave, Target: n.ID}}
	if !joined {
		r.Toggle = Button{Label: text.Get("network.rejoin"), Action: Action{Do: Join, Target: n.ID}}
	}
	r.Toggle = s.guard(r.Toggle)
	r.Toggle.Enabled = r.Toggle.Enabled && !r.Busy
	return r
}

// networkStatus puts a joined network's status into words.
func (s *State) networkStatus(n ipc.Network) (Badge, string) {
	var b Badge
	var sentence string
	say := func(m Mark, t Tone, id string) {
		b = Badge{m, t, text.Get("network." + id)}
		sentence = text.Get("network."+id+".text", "address", s.status.Address, "controller", controllerOf(n.ID))
	}
	switch n.Status {
	case ipc.OK:
		say(MarkOK, Good, "ok")
		if len(n.Addresses) == 0 {
			sentence = text.Get("network.ok.noaddress")
		}
		if !n.SilentSince.IsZero() {
			sentence = joinSentences(sentence, text.Get("network.ok.silent", "controller", controllerOf(n.ID), "since", s.moment(n.SilentSince)))
		}
	case ipc.Requesting:
		say(MarkBusy, Busy, "requesting")
		switch {
		case !s.status.Online:
			sentence = text.Get("network.requesting.offline")
		case !n.SilentSince.IsZero():
			sentence = text.Get("network.requesting.silent", "controller", controllerOf(n.ID), "since", s.moment(n.SilentSince))
		}
	case ipc.AccessDenied:
		say(MarkWarning, Warning, "denied")
		if n.Revision > 0 { // it was a member before
			sentence = text.Get("network.denied.again", "address", s.status.Address)
		}
	case ipc.NotFound:
		say(MarkError, Bad, "notfound")
	case ipc.PortError:
		say(MarkError, Bad, "port")
	case ipc.TooOld:
		say(MarkError, Bad, "old")
	case ipc.AuthRequired:
		say(MarkWarning, Warning, "auth")
	default:
		b = Badge{MarkWarning, Warning, text.Get("network.unknown")}
		sentence = text.Get("network.unknown.text", "status", clean(string(n.Status), versionLimit))
	}
	// The service's own words add something only where the status does not
	// say all; of a device it knows the reason.
	switch d := clean(n.Detail, detailLimit); {
	case d == "":
	case n.Status == ipc.PortError,
		n.Status == ipc.AuthRequired && webPage(n.AuthURL) == "",
		n.Status != ipc.OK && controllerOf(n.ID) == "": // no controller to speak of
		sentence = joinSentences(d, clean(n.Advice, detailLimit))
	case n.Status == ipc.TooOld || b.Text == text.Get("network.unknown"):
		sentence = joinSentences(sentence, d)
	}
	return b, sentence
}

// guard enables a button of something that changes the service's state, if the
// caller's role suffices; else it says why not.
func (s *State) guard(b Button) Button {
	if b.Enabled = s.May(ipc.Operator); !b.Enabled {
		b.Why = text.Get("role.needed", "role", roleName(ipc.Operator))
	}
	return b
}

func networkKind(n ipc.Network) string {
	switch {
	case strings.HasPrefix(n.ID, "ff"):
		return text.Get("network.kind.adhoc")
	case n.Type == "PUBLIC":
		return text.Get("network.kind.public")
	case n.Type == "PRIVATE":
		return text.Get("network.kind.private")
	}
	return ""
}

// controllerOf is the address of the network's controller: the first 10 digits
// of its ID, none for an ad-hoc network.
func controllerOf(id string) string {
	if len(id) != 16 || strings.HasPrefix(id, "ff") {
		return ""
	}
	return id[:10]
}

func routeText(r ipc.Route) string {
	if r.Via == "" {
		return r.Target
	}
	return text.Get("network.route.via", "target", r.Target, "via", r.Via)
}

// addressNotes says what is wrong with the addresses of a network.
func addressNotes(n *ipc.Network) (notes []string) {
	for _, a := range n.AddressStates {
		b, note := fate(a.State, a.Reason, a.Advice)
		notes = append(notes, text.Get("network.address.note", "address", a.Address, "state", b.Text, "note", note))
	}
	for _, c := range n.AddressConflicts {
		notes = append(notes, text.Get("network.address.conflict", "address", c.IP, "other", orElse(c.Member, c.MAC)))
	}
	return notes
}

// portText says what kind of device a network has here.
func portText(n *ipc.Network) string {
	if n.Settings.Port == portTAP {
		return text.Get("network.port.ethernet")
	}
	return text.Get("network.port.ip")
}

// bridgingText says what there is of bridges, nothing on a network without.
func bridgingText(b *ipc.Bridging) string {
	switch {
	case b == nil:
		return ""
	case b.Active && b.Port != "":
		return text.Plural("network.bridging.port", b.Local, "port", clean(b.Port, nameLimit))
	case b.Active:
		return text.Plural("network.bridging.active", b.Local)
	case b.Allowed:
		return text.Get("network.bridging.allowed")
	case len(b.Bridges) > 0:
		return text.Plural("network.bridging.others", len(b.Bridges))
	}
	return ""
}

func dnsText(d ipc.DNS) string {
	if len(d.Servers) == 0 {
		return ""
	}
	servers := strings.Join(d.Servers, ", ")
	if domain := clean(d.Domain, nameLimit); domain != "" {
		return text.Get("network.dns.domain", "domain", domain, "servers", servers)
	}
	return servers
}

// webPage returns u if it is a page that a browser may be sent to: others can read
// and change what comes without encryption, and here somebody signs in.
func webPage(u string) string {
	p, err := url.Parse(u)
	if err != nil || p.Scheme != "https" || p.Host == "" || p.User != nil {
		return ""
	}
	return p.String()
}

// login offers the page of a network that wants its members to log in, and says
// until when one is.
func (s *State) login(n *ipc.Network) (b Button, until string) {
	u := webPage(n.AuthURL)
	if l := n.Login; l != nil {
		if l.URL != "" {
			u = webPage(l.URL)
		}
		if !l.Required && !l.Expires.IsZero() {
			until = text.Get("network.login.until", "when", s.moment(l.Expires))
		}
	}
	if u == "" || n.Status != ipc.AuthRequired && until == "" {
		return Button{}, until
	}
	b = Button{Label: text.Get("network.signin"), Enabled: true, Action: Action{Do: OpenURL, Target: u}}
	if n.Status != ipc.AuthRequired {
		b.Label = text.Get("network.signin.again")
	}
	return b, until
}

// dnsState says what became of a network's name servers.
func dnsState(d *ipc.DNS) (Badge, string) {
	note := joinSentences(sentence(clean(d.Reason, detailLimit)), sentence(clean(d.Advice, detailLimit)))
	switch d.State {
	case "pending":
		return Badge{MarkBusy, Busy, text.Get("route.pending")}, note
	case "ignored":
		return Badge{MarkOff, Neutral, text.Get("route.ignored")}, note
	case "refused":
		return Badge{MarkWarning, Warning, text.Get("route.refused")}, note
	case "unsupported":
		return Badge{MarkWarning, Warning, text.Get("network.dns.unsupported")}, note
	case "failed":
		return Badge{MarkError, Bad, text.Get("network.dns.failed")}, note
	case "applied":
		by := clean(d.By, nameLimit)
		switch {
		case d.All && by != "":
			note = joinSentences(text.Get("network.dns.all.by", "by", by), note)
		case d.All:
			note = joinSentences(text.Get("network.dns.all"), note)
		case by != "":
			note = joinSentences(text.Get("network.dns.by", "by", by), note)
		}
	}
	return Badge{}, note
}

// plainIP is the address without its prefix length, as one pastes it elsewhere.
func plainIP(s string) string {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Addr().String()
	}
	return s
}
