package diag

import (
	"fmt"
	"strings"
	"time"

	"orrery/engine/vl1"
	"orrery/service/ipc"
)

// ago is a length of time in words.
func ago(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return plural(int(d/time.Second), "second")
	case d < 2*time.Hour:
		return plural(int(d/time.Minute), "minute")
	case d < 48*time.Hour:
		return plural(int(d/time.Hour), "hour")
	}
	return plural(int(d/(24*time.Hour)), "day")
}

// service says that the service runs.
func service(f *Facts) []ipc.Finding {
	text := fmt.Sprintf("The service runs for %s, version %s, with the address %s.", ago(f.Now.Sub(f.Started)), f.Version, f.Address)
	return found("service", "running", ipc.Fine, text, "", "home "+f.Home)
}

const (
	// skewed is how far our clock may be from a controller's.
	skewed = 2 * time.Minute
	// ancient is before this software was made.
	ancient = 1_735_689_600 // 2025
)

// clocks looks at the computer's clock: certificates and configurations carry
// the time.
func clocks(f *Facts) []ipc.Finding {
	const area = "clock"
	const advice = "Set the clock, and let the system keep it by NTP."
	if f.Now.Unix() < ancient || f.PlanetTime.Sub(f.Now) > skewed {
		return found(area, "behind", ipc.Broken, fmt.Sprintf("This computer's clock is wrong: it shows %s, which has long passed.", f.Now.UTC().Format("2 January 2006 15:04")), advice)
	}
	compared := 0
	for i := range f.Networks {
		n := &f.Networks[i]
		if n.Fetched.IsZero() || n.Issued.IsZero() {
			continue
		}
		compared++
		if d := n.Fetched.Sub(n.Issued); d > skewed || d < -skewed {
			way := "ahead of"
			if d < 0 {
				way, d = "behind", -d
			}
			return found(area, "skewed", ipc.Unsure, fmt.Sprintf("This computer's clock is %s %s that of the controller of network %s.", ago(d), way, n.ID),
				advice+" If it is right here, tell whoever runs the controller.")
		}
	}
	if compared == 0 {
		return found(area, "plausible", ipc.Fine, "The clock is plausible; there is no controller's to compare it with.", "")
	}
	return found(area, "right", ipc.Fine, "The clock agrees with that of the controllers.", "")
}

// networks says in one line each how the joined networks are.
func networks(f *Facts) []ipc.Finding {
	const area = "networks"
	if len(f.Networks) == 0 {
		return found(area, "none", ipc.Fine, "No network is joined.", "Join one: orreryctl join NETWORK")
	}
	var all []ipc.Finding
	for i := range f.Networks {
		n := &f.Networks[i]
		name := n.ID
		if n.Name != "" {
			name = fmt.Sprintf("%s (%s)", n.ID, n.Name)
		}
		code, level, text, advice := strings.ToLower(string(n.Status)), ipc.Broken, n.Detail, ""
		switch n.Status {
		case ipc.OK:
			level = ipc.Fine
			text = fmt.Sprintf("connected on %s with %s.", n.Device, strings.Join(n.Addresses, ", "))
			if since := n.SilentSince; !since.IsZero() && f.Now.Sub(since) > 10*time.Minute {
				level, advice = ipc.Unsure, n.Advice
				text += " " + n.Detail
			}
			if len(n.Addresses) == 0 {
				text = fmt.Sprintf("connected on %s, without an address.", n.Device)
				if n.Type == "PRIVATE" || n.Type == "PUBLIC" {
					advice = "If it should have one, see \"allowManaged\" here, and the address pools of the network."
				}
			}
		case ipc.Requesting:
			level = ipc.Unsure
			if f.Now.Sub(n.JoinedAt) > time.Minute {
				level = ipc.Broken
			}
			advice = "If it stays so, the controller is offline, or the network ID is wrong."
		case ipc.AccessDenied:
			advice = fmt.Sprintf("Tell whoever runs the network the address of this computer: %s.", f.Address)
		case ipc.NotFound:
			text, advice = "its controller does not know it.", "Check the network ID, or leave the network."
		case ipc.AuthRequired:
			text = "waits for you to log in."
			advice = "Open the address that \"orreryctl listnetworks\" or the application shows."
		case ipc.PortError:
			advice = "The service needs administrator rights, a virtual network device, and room on the disk."
		case ipc.TooOld:
			text, advice = "wants a newer version of this software.", "Update it."
		}
		if text == "" {
			text = strings.ToLower(strings.ReplaceAll(string(n.Status), "_", " ")) + "."
		}
		all = append(all, found(area, code, level, "Network "+name+": "+lower(text), advice)...)
	}
	return all
}

// lower makes a sentence go on another one.
func lower(s string) string {
	if len(s) > 1 && s[0] >= 'A' && s[0] <= 'Z' && (s[1] < 'A' || s[1] > 'Z') {
		return string(s[0]+'a'-'A') + s[1:]
	}
	return s
}

// maxPeers is how many peers are named for one reason.
const maxPeers = 5

// peers says why peers are not reached directly: one finding for each reason.
func peers(f *Facts) []ipc.Finding {
	const area = "peers"
	direct, passing := 0, 0
	var order []string
	by := make(map[string][]*ipc.Peer)
	for i := range f.Peers {
		p := &f.Peers[i]
		switch {
		case p.Role != "LEAF":
		case p.Reason == "":
			direct++
		case p.Passing || p.Reason == "blocked":
			passing++
		default:
			if by[p.Reason] == nil {
				order = append(order, p.Reason)
			}
			by[p.Reason] = append(by[p.Reason], p)
		}
	}
	var all []ipc.Finding
	for _, a := range f.Unknown {
		p := ipc.Peer{Address: a, Role: "LEAF"}
		p.Reason, p.ReasonText, p.Advice = vl1.ReasonUnknown.String(), vl1.ReasonUnknown.Sentence(), vl1.ReasonUnknown.Hint()
		if by[p.Reason] == nil {
			order = append(order, p.Reason)
		}
		by[p.Reason] = append(by[p.Reason], &p)
	}
	if direct+passing > 0 || len(order) == 0 {
		text := fmt.Sprintf("%s reached directly", plural(direct, "peer"))
		if passing > 0 {
			text += fmt.Sprintf(", %d idle or being looked for", passing)
		}
		if direct+passing == 0 {
			text = "No peers are known yet"
		}
		all = found(area, "direct", ipc.Fine, text+".", "")
	}
	for _, reason := range order {
		ps := by[reason]
		var names []string
		for _, p := range ps[:min(len(ps), maxPeers)] {
			name := p.Address
			if p.Name != "" {
				name += " (" + p.Name + ")"
			}
			names = append(names, name)
		}
		who := strings.Join(names, ", ")
		if more := len(ps) - maxPeers; more > 0 {
			who += fmt.Sprintf(" and %d more", more)
		}
		all = append(all, found(area, reason, ipc.Unsure, who+": "+lower(ps[0].ReasonText), ps[0].Advice)...)
	}
	return all
}

// alerts repeats what the service told already.
func alerts(f *Facts) []ipc.Finding {
	var all []ipc.Finding
	for i := range f.Alerts {
		a := &f.Alerts[i]
		if a.ID == "offline" || strings.HasPrefix(a.ID, "network.port.") || strings.HasPrefix(a.ID, "network.route.") ||
			strings.HasPrefix(a.ID, "network.dns.") {
			continue // said in other words above
		}
		level := ipc.Fine
		switch a.Severity {
		case "warning":
			level = ipc.Unsure
		case "error":
			level = ipc.Broken
		}
		all = append(all, ipc.Finding{Area: "alert", Code: "alert." + a.ID, Level: level, Text: a.Title + ". " + a.Text, Advice: a.Advice})
	}
	return all
}
