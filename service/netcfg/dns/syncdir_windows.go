package dns

// syncDir has nothing to do: NTFS journals renames.
func syncDir(string) error { return nil }
