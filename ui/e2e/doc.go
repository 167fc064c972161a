// Package e2e tests the application as it is: built, on an X server of its own,
// with a session bus of its own, against a service that the test plays over a
// Unix socket. The tray's menu is read and clicked over D-Bus, as a panel does.
// It needs Linux with Xvfb, dbus-daemon, openbox, xdotool, ImageMagick and a C
// compiler with the headers of X11 and OpenGL; without them it is skipped.
package e2e
