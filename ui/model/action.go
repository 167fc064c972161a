package model

// Action is something that the user asks for. It is plain data, so that the
// tray, the views and the tests can all make one; package shell carries it out.
type Action struct {
	Do ActionKind
	// Target is an address, a network ID, or the text to copy.
	Target string
	// Setting and On go with [SetNetwork].
	Setting SettingKey
	On      bool
	// Route and Choice go with [SetRoute]: a target, and what to do with it.
	Route  string
	Choice RouteChoice
}

// ActionKind says what an [Action] does.
type ActionKind int

// The actions. The comment says what Target is.
const (
	Nothing       ActionKind = iota
	OpenWindow               // shows the window
	Quit                     // ends the application, not the service
	Copy                     // the text
	OpenURL                  // a web page of a network's sign-in
	OpenJoin                 // shows the join dialog; a text for its field, or empty
	OpenContact              // shows the contact dialog; a text for its field, or empty
	Join                     // a network left in this session
	Leave                    // a network; asks first
	LeaveNow                 // a network; the tray's toggle does not ask
	SetNetwork               // a network, with Setting and On
	SelectNetwork            // a network
	SelectPeer               // an address
	ShowPeers                // shows the page of peers; an address selects that peer
	Verify                   // an address; shows the verification dialog
	Rename                   // an address; shows the name dialog
	Block                    // an address; asks first
	Unblock                  // an address
	Forget                   // an address: its key, so that another one is accepted; asks first
	Settle                   // an address: keep the recorded key, drop the other
	Reconnect                // looks for the service now
	ShowNetworks             // shows the page of networks
	OpenInvite               // a network; shows an invite to it
	OpenValue                // a network, with Setting; shows the dialog for it
	SetRoute                 // a network, with Route and Choice
)
