package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"orrery/service/lifecycle"
)

// addServiceCommands adds what makes orreryd a service of the system.
func (p *program) addServiceCommands(root *cobra.Command) {
	root.AddCommand(&cobra.Command{
		Use: "service", Short: "Run under the system's service manager", Hidden: true, Args: noArgs,
		RunE: p.withService(func(_ *cobra.Command, s *lifecycle.Service) error { return s.Run() }),
	})
	for _, x := range [][2]string{
		{"install", "Install the service; flags given here are those it will run with"},
		{"uninstall", "Stop and remove the service; the home directory stays"},
		{"start", "Start the installed service"},
		{"stop", "Stop the service"},
	} {
		root.AddCommand(&cobra.Command{
			Use: x[0], Short: x[1], Args: noArgs,
			RunE: p.withService(func(c *cobra.Command, s *lifecycle.Service) error { return s.Control(c.Name()) }),
		})
	}
	root.AddCommand(&cobra.Command{
		Use: "status", Short: "Tell whether the service is installed and runs (exit code 0: runs, 3: stopped, 4: not installed)", Args: noArgs,
		RunE: p.withService(status),
	})
}

// withService is a command that needs the description of the service.
func (p *program) withService(f func(*cobra.Command, *lifecycle.Service) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, _ []string) error {
		args, err := p.serviceArguments()
		if err != nil {
			return err
		}
		log := slog.New(lifecycle.LogHandler(p.level()))
		s, err := lifecycle.New(args, func(ctx context.Context) error { return p.run(ctx, log) }, log)
		if err != nil {
			return err
		}
		return f(c, s)
	}
}

// serviceArguments is the command line with which the service manager starts us.
// It has another working directory, so that paths must be absolute.
func (p *program) serviceArguments() ([]string, error) {
	home, err := filepath.Abs(p.cfg.Home)
	if err != nil {
		return nil, fmt.Errorf("home directory: %w", err)
	}
	args := []string{"service", "--home", home}
	if p.cfg.Port >= 0 {
		args = append(args, "--port", strconv.Itoa(p.cfg.Port))
	}
	if socket := p.cfg.Socket; socket != "" {
		if !strings.HasPrefix(socket, `\\.\pipe\`) {
			if socket, err = filepath.Abs(socket); err != nil {
				return nil, fmt.Errorf("socket: %w", err)
			}
		}
		args = append(args, "--socket", socket)
	}
	if p.cfg.CompatAPI {
		args = append(args, "--compat-api")
	}
	if p.cfg.OperatorGroup != "" {
		args = append(args, "--group", p.cfg.OperatorGroup)
	}
	if p.debug {
		args = append(args, "--debug")
	}
	return args, nil
}

// status prints and returns the state of the service.
func status(c *cobra.Command, s *lifecycle.Service) error {
	st, err := s.Status()
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(c.OutOrStdout(), st); err != nil {
		return err
	}
	switch st {
	case lifecycle.Running:
		return nil
	case lifecycle.Stopped:
		return statusError(exitStopped)
	default:
		return statusError(exitNotInstalled)
	}
}
