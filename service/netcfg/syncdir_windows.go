package netcfg

// syncDir does nothing: Windows cannot flush directories, and NTFS keeps a
// journal of renames.
func syncDir(string) error { return nil }
