//go:build tools

// Package registries names the program to build, so that go.mod keeps what it needs.
package registries

import _ "github.com/hashicorp/consul"
