package invite

// Extension is that of invite files.
const Extension = ".orrery"

// File returns the content of an invite file: lines that begin with # say what it
// is, the other one is the link. Text is UTF-8, lines end as on every system.
func (i Invite) File() []byte {
	what := "network " + i.Network.String()
	if i.Name != "" {
		what = "the network “" + i.Name + "”"
	}
	return []byte("# An invite to " + what + ". Open it with Orrery, or: orreryctl join FILE\r\n" + i.String() + "\r\n")
}
