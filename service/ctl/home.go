package ctl

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"orrery/service/ipc"
)

// Endpoint says where a home's compatible API is, as given by flags.
type Endpoint struct {
	// Home is where port and token are looked up; "" is [ipc.DefaultHome].
	Home string
	// Host is the API's IP address; "" is 127.0.0.1.
	Host string
	// Port is the API's port; 0 looks it up.
	Port int
	// Token is the API's token; "" looks it up.
	Token string
}

// Connect completes the endpoint from the files of its home and returns a
// transport. program is what messages start with. The error is an [*Exit] with
// code 2 (spec 06 §7.1).
func (e Endpoint) Connect(program string) (Transport, error) {
	home := e.Home
	if home == "" {
		home = ipc.DefaultHome()
	}
	if e.Port == 0 {
		text, err := readSmall(filepath.Join(home, "zerotier-one.port"))
		port, err2 := strconv.ParseUint(text, 10, 16)
		if err != nil || err2 != nil || port == 0 {
			return nil, &Exit{Usage, fmt.Errorf("%s: missing port and zerotier-one.port not found in %s", program, home)}
		}
		e.Port = int(port)
	}
	if e.Token == "" {
		for _, path := range append([]string{filepath.Join(home, "authtoken.secret")}, userTokens()...) {
			if e.Token, _ = readSmall(path); e.Token != "" {
				break
			}
		}
		if e.Token == "" {
			return nil, &Exit{Usage, fmt.Errorf("%s: authtoken.secret not found or readable in %s (try again as root)", program, home)}
		}
	}
	return NewLoopback(e.Host, e.Port, e.Token), nil
}

// userTokens are where users of the reference keep copies of the token.
func userTokens() []string {
	dir, err := os.UserHomeDir()
	if err != nil || runtime.GOOS == "windows" {
		return nil
	}
	if runtime.GOOS == "darwin" {
		return []string{filepath.Join(dir, "Library", "Application Support", "ZeroTier", "One", "authtoken.secret")}
	}
	return []string{filepath.Join(dir, ".zeroTierOneAuthToken")}
}

// readSmall reads a file of one short line, without the white space around it.
func readSmall(path string) (string, error) {
	b, err := readFile(path, 4096)
	return strings.Trim(string(b), " \t\r\n\x00"), err
}
