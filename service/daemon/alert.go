package daemon

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/node"
	"orrery/engine/trust"
	"orrery/engine/vl1"
	"orrery/engine/world"
	"orrery/service/host"
	"orrery/service/ipc"
	"orrery/service/store"
)

// Severities of alerts.
const (
	severityInfo    = "info"
	severityWarning = "warning"
	severityError   = "error"
)

// IDs of alerts that come and go.
const (
	alertReload   = "conf.reload"
	alertWarnings = "conf.warnings"
	alertRestart  = "conf.restart"
	alertCompat   = "compat.listen"
	alertOffline  = "offline"
	alertTwin     = "identity.twin"
	alertStorage  = "storage."
	alertFile     = "file."
	alertPorts    = "port.missing"
	// alertPortStays is for a change of the primary port that is not possible,
	// alertOtherPort for a start without the usual one.
	alertPortStays = "port.stays"
	alertOtherPort = "port.other"
)

// notices turns what was found wrong in the home directory into alerts.
func (d *Daemon) notices(ns []store.Notice) {
	peers := 0
	for _, n := range ns {
		d.log.Warn("a file in the home directory could not be used", "file", n.File, "moved", n.MovedTo, "err", n.Err)
		if strings.HasPrefix(n.File, "peers.d/") {
			peers++
			continue
		}
		d.alerts.set(fileAlert(n))
	}
	if peers > 0 {
		d.alerts.set(ipc.Alert{
			ID: alertFile + "peers.d", Severity: severityInfo, Title: "Remembered peers could not be used",
			Text:   fmt.Sprintf("%d of the files in peers.d were damaged and set aside. The peers are found again by the roots.", peers),
			Advice: "Nothing needs to be done. If it happens again, check the disk.",
		})
	}
}

// fileAlert tells what a damaged file means.
func fileAlert(n store.Notice) ipc.Alert {
	a := ipc.Alert{
		ID: alertFile + n.File, Severity: severityWarning, Title: "A file could not be used: " + n.File, Text: n.String() + ".",
		Advice: "Nothing was deleted. Repair the file, put it back and restart the service, or remove it.",
	}
	switch n.File {
	case "trust.json":
		a.Severity, a.Title = severityError, "No identity is pinned any more"
		a.Text += " What you verified or blocked is not known, and every computer is taken as seen for the first time."
		a.Advice = "Restore trust.json from a backup and restart the service, or compare safety numbers again."
	case "planet":
		a.Severity = severityError
		a.Text += " The built-in roots are used instead: computers of a private planet are not reached."
		a.Advice = "Get the planet file again from whoever runs the roots, put it back and restart the service."
		if errors.Is(n.Err, vl1.ErrWorldUnsigned) {
			a.Advice = unsignedAdvice("planet", n.MovedTo)
		}
	case "orbits.json":
		a.Text += " Moons that were asked for and did not come yet have to be asked for again."
	case "local.conf":
		a.Text += " The default settings are in force."
	}
	if id, ok := strings.CutSuffix(strings.TrimPrefix(n.File, "networks.d/"), ".local.conf"); ok {
		a.Title = "Not all settings of network " + id + " can be used"
		a.Text += " The others are in force."
		a.Advice = fmt.Sprintf("Set them again: orreryctl set %s SETTING=VALUE.", id)
	}
	if strings.HasPrefix(n.File, "moons.d/") {
		a.Text += " The moon is not used."
		if errors.Is(n.Err, vl1.ErrWorldUnsigned) {
			a.Advice = unsignedAdvice("moon", n.MovedTo)
		}
	}
	return a
}

// unsignedAdvice says how to take a world whose signature fits another key than
// its own.
func unsignedAdvice(kind, file string) string {
	return fmt.Sprintf("Get the file again from whoever runs the roots. If they have changed their key with this revision, "+
		"ask them for the key before, and take the file with: orreryctl %s use %s --key KEY.", kind, file)
}

func portAlert(usual, port int) ipc.Alert {
	return ipc.Alert{
		ID: alertOtherPort, Severity: severityInfo, Title: fmt.Sprintf("UDP port %d is in use by another program", usual),
		Text:   fmt.Sprintf("Port %d is used instead. Peers find it by themselves.", port),
		Advice: "If a firewall lets only certain ports in, set settings.primaryPort in local.conf to one of those.",
	}
}

// portsAlert tells which sockets could not be had.
func portsAlert(missing []string) ipc.Alert {
	text := strings.Join(missing[:min(len(missing), 8)], "; ")
	return ipc.Alert{
		ID: alertPorts, Severity: severityWarning, Title: "Not all UDP ports and addresses can be used",
		Text:   capital(text) + ". It is tried again every 30 s.",
		Advice: "Correct settings.bind and the ports in local.conf, or end the program that has the port.",
	}
}

// portStaysAlert tells that the primary port could not be changed.
func portStaysAlert(wanted, have int, err error) ipc.Alert {
	return ipc.Alert{
		ID: alertPortStays, Severity: severityWarning, Title: fmt.Sprintf("UDP port %d cannot be used", wanted),
		Text:   fmt.Sprintf("%s. Port %d stays in use.", capital(err.Error()), have),
		Advice: "End the program that has the port and change settings.primaryPort again, or choose another.",
	}
}

func worldAlert(w *world.World, err error) ipc.Alert {
	a := ipc.Alert{
		ID: fmt.Sprintf("world.refused.%016x", w.ID), Severity: severityError, Title: "A set of roots is not used",
		Text:   fmt.Sprintf("The %s %016x was refused: %v.", w.Kind, w.ID, err),
		Advice: "Get the file again from whoever runs the roots, and restart the service.",
	}
	if errors.Is(err, vl1.ErrWorldPinned) {
		a.Text = fmt.Sprintf("The %s %016x was refused: %v. Either the recorded key or the file is wrong.", w.Kind, w.ID, err)
		a.Advice = "Find out from whoever runs the roots which key is right. If it is the file's, forget the trust record of the address and restart the service."
	}
	return a
}

func collisionAlert(root identity.Address) ipc.Alert {
	return ipc.Alert{
		ID: "identity.collision", Severity: severityError, Title: "Another computer has this address",
		Text:   fmt.Sprintf("The root %s knows another key for this computer's address, so this computer cannot be reached by way of it. A copied disk or identity file does this.", root),
		Advice: "If this computer is a copy of another one, stop the service, move identity.secret and identity.public away, and start it again: it gets a new address, which networks have to authorise.",
	}
}

func twinAlert(self identity.Address) ipc.Alert {
	return ipc.Alert{
		ID: alertTwin, Severity: severityWarning, Title: "Another computer uses this computer's identity",
		Text: fmt.Sprintf("Another computer that is switched on has the same identity %s, as after a disk was copied. "+
			"What is sent to one of them may reach the other, so connections of both are unreliable.", self),
		Advice: "Give one of the two a new identity: on the copy stop the service, move identity.secret and identity.public out of its home directory, " +
			"and start it again. It gets a new address, which networks have to authorise. If you made no copy, somebody has taken your secret key: do the same here.",
	}
}

func reloadAlert(err error) ipc.Alert {
	return ipc.Alert{
		ID: alertReload, Severity: severityWarning, Title: "The changed local.conf cannot be used",
		Text:   fmt.Sprintf("The settings before the change stay in force: %v.", err),
		Advice: "Repair the file; it is read again when it changes. Restarting the service before would set the file aside.",
	}
}

func warningsAlert(warnings []string) ipc.Alert {
	return ipc.Alert{
		ID: alertWarnings, Severity: severityWarning, Title: "Parts of local.conf are not in force",
		Text: strings.Join(warnings, "; ") + ".", Advice: "Correct or remove these settings.",
	}
}

func restartAlert() ipc.Alert {
	return ipc.Alert{
		ID: alertRestart, Severity: severityInfo, Title: "Some changed settings wait for a restart",
		Text:   "settings.controllerDbPath takes effect when the service starts.",
		Advice: "Restart the service when it suits you.",
	}
}

func compatAlert(port int, err error) ipc.Alert {
	return ipc.Alert{
		ID: alertCompat, Severity: severityWarning, Title: "The API for existing tools does not run",
		Text: fmt.Sprintf("%s. It is tried again every few seconds.", capital(err.Error())),
		Advice: fmt.Sprintf("See which program has TCP port %d, or set settings.primaryPort in local.conf to another port and restart the service.",
			port),
	}
}

// stored notes whether state can be stored.
func (d *Daemon) stored(what host.Storage, err error) {
	id := alertStorage + string(what)
	if err == nil {
		d.log.Info("state is stored again", "what", what)
		d.alerts.clear(id)
		return
	}
	title, text := "Changes are not stored", "They are in effect, but a restart would lose them"
	if what == host.Records {
		title, text = "The network controller cannot store its records", "Members and tools get no answers until it can"
	}
	d.alerts.set(ipc.Alert{
		ID: id, Severity: severityError, Title: title, Text: fmt.Sprintf("%s: %v.", text, err),
		Advice: "Make room on the disk, or repair the permissions of " + d.home.Path() + ". It is tried again by itself.",
	})
}

// offlineAfter is how long a node may be offline before that is an alert.
const offlineAfter = 30 * time.Second

// offlineAlert tells that no root answers.
func (d *Daemon) offlineAlert(now time.Time, roots int) (ipc.Alert, bool) {
	since := d.offline.Load()
	if since == nil || now.Sub(*since) < offlineAfter {
		return ipc.Alert{}, false
	}
	a := ipc.Alert{
		ID: alertOffline, Severity: severityWarning, Title: "This computer is offline", Since: *since,
		Text: "None of the roots answers, so other computers cannot be found. Those that are already connected may still be reached.",
		Advice: fmt.Sprintf("Check the Internet connection, and that no firewall keeps UDP from leaving, or answers from coming back to port %d.",
			d.sockets.Port()),
	}
	if d.unplugged.Load() {
		a.Text = "No interface of this computer is connected to a network."
		a.Advice = "Connect it by cable or Wi-Fi. Nothing needs to be restarted."
	}
	if roots == 0 {
		a.Text = "The planet names no roots, so other computers cannot be found."
		a.Advice = "Get a planet file from whoever runs the roots."
	}
	return a, true
}

// portFailure tells that a network has no working device.
func portFailure(n *node.NetworkState, f host.Failure) ipc.Alert {
	name := n.ID.String()
	if n.Config != nil && n.Config.Name != "" {
		name = n.Config.Name + " (" + name + ")"
	}
	a := ipc.Alert{
		ID: "network.port." + n.ID.String(), Severity: severityError, Title: "No device for the network " + name,
		Text:   fmt.Sprintf("The network's interface could not be set up: %s. It is tried again every few seconds.", f.Reason),
		Advice: "The service needs administrator rights and, on Linux, /dev/net/tun. Another VPN program may also have taken an address or a name.",
		Since:  f.Since,
	}
	if n.Settings.Port == netconf.PortTAP && !hasTAP {
		a.Advice = fmt.Sprintf("Its settings want an Ethernet device, which only Linux has: orreryctl set %s port=tun.", n.ID)
	}
	return a
}

// conflictAlert tells of a second key for a recorded address.
func conflictAlert(r *trust.Record) ipc.Alert {
	who := r.Identity.Address.String()
	if r.Name != "" {
		who = r.Name + " (" + who + ")"
	}
	return ipc.Alert{
		ID: "trust.conflict." + r.Identity.Address.String(), Severity: severityError,
		Title: "Another key turned up for " + who,
		Text: fmt.Sprintf("%s told of another key for this address. It was refused, the recorded one stays in use. "+
			"Either the other side has a new identity, or somebody is trying to take its place.", capital(string(r.ConflictFrom))),
		Advice: "Compare the safety number with the owner of the address before you decide. To accept a new identity, forget the record first.",
		Since:  wallTime(r.ConflictAt),
	}
}

// problemAlert tells of controller records that cannot be used.
func problemAlert(n int, first error) ipc.Alert {
	return ipc.Alert{
		ID: "controller.records", Severity: severityError, Title: "Records of the network controller cannot be used",
		Text:   fmt.Sprintf("%d were skipped; they stay in the database. The first: %v.", n, first),
		Advice: "They may come from a newer version: update the service. The networks concerned are not served.",
	}
}
