# SPDX-License-Identifier: Apache-2.0
# usage: vendors.py FOLDER: AMD's KDS and Intel's PCS on a loopback port, which it writes to FOLDER/port. Serves FOLDER/table
# (SNP) and FOLDER/{sgx,tdx}/ as selfsame-sim made them, appends "TIME PATH" to FOLDER/asked, behaves as FOLDER/mode says.
import base64, http.server, os, struct, sys, time, urllib.parse
from socketserver import ThreadingMixIn

folder = sys.argv[1]


def snp():
    t, out, at = open(folder + "/table", "rb").read(), {}, 0
    while t[at : at + 24] != bytes(24):
        off, size = struct.unpack("<II", t[at + 16 : at + 24])
        out[t[at : at + 4].hex()] = t[off : off + size]
        at += 24
    return out


def pem(der):
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"


def kds(path):
    p = snp()
    if path.endswith("/crl"):
        return p.get("92f81bc3"), {}
    if path.endswith("/cert_chain"):
        return pem(p["4ab7b379"]) + pem(p["c0b406a4"]), {}
    return p.get("63da758d"), {}


def pcs(u, q):
    tee = "tdx" if u.path.startswith("/tdx/") else "sgx"
    read = lambda name: open("%s/%s/%s" % (folder, tee, name), "rb").read()
    chain = lambda name: urllib.parse.quote(read(name), safe="")
    end = u.path.rsplit("/v4/")[-1]
    if end == "tcb" and q.get("fmspc", "").lower() == "53494d544545":
        return read("tcb_info.json"), {"TCB-Info-Issuer-Chain": chain("tcb_issuer_chain.pem")}
    if end == "qe/identity":
        return read("qe_identity.json"), {"SGX-Enclave-Identity-Issuer-Chain": chain("qe_issuer_chain.pem")}
    if end == "pckcrl":
        return read("pck_crl.der"), {"SGX-PCK-CRL-Issuer-Chain": chain("pck_crl_issuer_chain.pem")}
    if u.path == "/IntelSGXRootCA.der":
        return read("root_crl.der"), {}
    return None, {}


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *a):
        pass

    def give(self, status, body=b"", **head):
        self.send_response(status)
        for k, v in head.items():
            self.send_header(k.replace("_", "-"), v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with open(folder + "/asked", "a") as f:
            f.write("%.3f %s\n" % (time.time(), self.path))
        mode = open(folder + "/mode").read().strip()
        u = urllib.parse.urlparse(self.path)
        q = dict(urllib.parse.parse_qsl(u.query))
        amd = u.path.startswith(("/vcek/v1/Milan/", "/vlek/v1/Milan/"))
        body, head = kds(u.path) if amd else pcs(u, q)
        if mode == "slow":
            time.sleep(1)
        if mode == "hang":
            time.sleep(60)
        if mode == "429":
            return self.give(429, b"later", Retry_After="3000")
        if mode == "busy" and not os.path.exists(folder + "/was-busy"):
            open(folder + "/was-busy", "w").close()
            return self.give(503, b"later", Retry_After="2")
        if mode == "500":
            return self.give(500, b"no")
        if mode == "page":
            return self.give(200, b"<html>maintenance</html>")
        if mode == "garbage":
            return self.give(200, b"\x30\x03\x02\x01")
        if mode == "big":
            return self.give(200, bytes(2 << 20))
        if body is None or mode == "none":
            return self.give(404)
        if mode == "drip" or mode == "cut":
            self.send_response(200)
            self.send_header("Content-Length", str(len(body) + 5))
            self.end_headers()
            for i in range(len(body) if mode == "drip" else 1):
                self.wfile.write(body[i : i + 1] if mode == "drip" else body)
                time.sleep(1 if mode == "drip" else 0)
            return
        self.give(200, body, **head)


class Server(ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 256


Server.handle_error = lambda *a: None  # of clients that hang up
s = Server(("127.0.0.1", 0), Handler)
open(folder + "/port.new", "w").write(str(s.server_port))
os.rename(folder + "/port.new", folder + "/port")
s.serve_forever()
