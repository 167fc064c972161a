package netmon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// groups are the multicast groups of rtnetlink that tell of changes.
const groups = 1<<(unix.RTNLGRP_LINK-1) | 1<<(unix.RTNLGRP_IPV4_IFADDR-1) | 1<<(unix.RTNLGRP_IPV6_IFADDR-1) |
	1<<(unix.RTNLGRP_IPV4_ROUTE-1) | 1<<(unix.RTNLGRP_IPV6_ROUTE-1) |
	1<<(unix.RTNLGRP_IPV4_RULE-1) | 1<<(unix.RTNLGRP_IPV6_RULE-1) | 1<<(unix.RTNLGRP_IPV4_NETCONF-1)

// subscribe opens a netlink socket at once, so that nothing after it is missed,
// and returns what reads from it until the context ends.
func subscribe() (func(ctx context.Context, changed func(Notice)) error, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		_ = unix.Close(fd) // never used
		return nil, os.NewSyscallError("bind", err)
	}
	f := os.NewFile(uintptr(fd), "rtnetlink")
	return func(ctx context.Context, changed func(Notice)) error {
		stop := context.AfterFunc(ctx, func() { _ = f.Close() })
		defer func() {
			if stop() {
				_ = f.Close() // reading has failed, that error counts
			}
		}()
		return read(f, changed)
	}, nil
}

// read reports messages until the socket fails.
func read(f *os.File, changed func(Notice)) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := f.Read(buf)
		if errors.Is(err, unix.ENOBUFS) {
			// The kernel had more to say than we had room for.
			changed(Notice{Links: true, Addresses: true, Routes: true})
			continue
		}
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read from netlink: %w", err)
		}
		msgs, err := syscall.ParseNetlinkMessage(buf[:n])
		if err != nil {
			changed(Notice{Links: true, Addresses: true, Routes: true})
			continue
		}
		if n := digest(msgs); n != (Notice{}) {
			changed(n)
		}
	}
}

// digest says what the messages are about.
func digest(msgs []syscall.NetlinkMessage) Notice {
	var n Notice
	for i := range msgs {
		switch msgs[i].Header.Type {
		case unix.RTM_NEWLINK, unix.RTM_DELLINK:
			n.Links = true
		case unix.RTM_NEWADDR, unix.RTM_DELADDR:
			n.Addresses = true
		case unix.RTM_NEWROUTE, unix.RTM_DELROUTE, unix.RTM_NEWRULE, unix.RTM_DELRULE, unix.RTM_NEWNETCONF:
			n.Routes = true
		}
	}
	return n
}
