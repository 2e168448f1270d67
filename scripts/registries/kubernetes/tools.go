//go:build tools

// Package registries names the program to build, so that go.mod keeps what it needs.
package registries

import _ "k8s.io/kubernetes/cmd/kube-apiserver"
