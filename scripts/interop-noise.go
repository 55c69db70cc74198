// The other side of interop-noise.mjs: github.com/flynn/noise driven by lines on standard input. The first
// line is "pattern initiator prologue static peerStatic ephemeral" (hex, "-" for none); then "w hex" writes a
// message, "r hex" reads one, "h" gives the handshake hash. Each is answered by one line: hex, or "error".
package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/flynn/noise"
)

func unhex(text string) []byte {
	if text == "-" {
		return nil
	}
	decoded, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return decoded
}

func keypair(text string) noise.DHKey {
	if text == "-" {
		return noise.DHKey{}
	}
	pair, err := noise.DH25519.GenerateKeypair(bytes.NewReader(unhex(text)))
	if err != nil {
		panic(err)
	}
	return pair
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<20)
	lines.Scan()
	start := strings.Fields(lines.Text())
	config := noise.Config{
		CipherSuite:   noise.NewCipherSuite(noise.DH25519, noise.CipherAESGCM, noise.HashSHA256),
		Pattern:       map[string]noise.HandshakePattern{"XK": noise.HandshakeXK, "NK": noise.HandshakeNK}[start[0]],
		Initiator:     start[1] == "true",
		Prologue:      unhex(start[2]),
		StaticKeypair: keypair(start[3]),
		PeerStatic:    unhex(start[4]),
	}
	if start[5] != "-" {
		config.Random = bytes.NewReader(unhex(start[5]))
	}
	handshake, err := noise.NewHandshakeState(config)
	if err != nil {
		panic(err)
	}
	var send, receive *noise.CipherState
	for lines.Scan() {
		command := strings.Fields(lines.Text() + " -")
		if command[0] == "h" {
			fmt.Println(hex.EncodeToString(handshake.ChannelBinding()))
			continue
		}
		input := unhex(command[1])
		var output []byte
		var first, second *noise.CipherState
		switch {
		case command[0] == "w" && send == nil:
			output, first, second, err = handshake.WriteMessage(nil, input)
		case command[0] == "r" && send == nil:
			output, first, second, err = handshake.ReadMessage(nil, input)
		case command[0] == "w":
			output, err = send.Encrypt(nil, nil, input)
		case command[0] == "r":
			output, err = receive.Decrypt(nil, nil, input)
		}
		if err != nil {
			fmt.Println("error")
			continue
		}
		if first != nil {
			send, receive = first, second
			if !config.Initiator {
				send, receive = second, first
			}
		}
		fmt.Println(hex.EncodeToString(output))
	}
}
