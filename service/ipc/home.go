package ipc

import (
	"os"
	"path/filepath"
	"runtime"
)

// DefaultHome is the service's home directory unless told otherwise.
func DefaultHome() string {
	switch runtime.GOOS {
	case "windows":
		if data := os.Getenv("ProgramData"); data != "" {
			return filepath.Join(data, "Orrery")
		}
		return `C:\ProgramData\Orrery`
	case "darwin":
		return "/Library/Application Support/Orrery"
	}
	return "/var/lib/orrery"
}
