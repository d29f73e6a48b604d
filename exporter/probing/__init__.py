"""Looking at an endpoint the way a visitor does: a connection of its own, a verdict, and why not.

resolver      the addresses of a name
allowed       which of them may be connected to (`/probe` takes its targets from strangers)
wire          one connection to one address, with a stopwatch; `tls` what is said and heard there in TLS
http1         what is written to it and what comes back; `http` asks, follows redirects and judges
tcp           the same for what does not speak HTTP; `dns` asks a name server (`dns_message`), `icmp` pings, `grpc` asks for
              a service's health (`grpc_message`, `grpc_call`)
target        the addresses of a target that it may connect to
certificates  what a handshake has shown
outcome       what a probe found, and `told` its families
modules       how blackbox_exporter's file says what to ask and to expect (`dns_module`, `icmp_module`, `grpc_module`, `options`);
              `patterns` its regular expressions
"""
