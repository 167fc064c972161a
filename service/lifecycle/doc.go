// Package lifecycle makes orreryd a service of the operating system: systemd or
// another init on Linux, launchd on macOS, the service manager on Windows. What
// the service does is package daemon's.
package lifecycle
