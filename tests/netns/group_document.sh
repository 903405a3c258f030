# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Group documents of the two houses as the OMA group document has them.
# ATD and DTD are above their defaults: an emulated machine takes its time to
# bring an epoch to a member that pulls.

# group_document SGID DATA: gw1 by pull and gw2 by push
group_document() {
	cat <<-END
	<group xmlns="urn:oma:xml:poc:list-service" xmlns:rl="urn:ietf:params:xml:ns:resource-lists" xmlns:cpns="urn:cpns:xml:group-key:1">
	 <list-service uri="$1"><display-name xml:lang="en">Two houses</display-name>
	  <list>
	   <entry uri="urn:cpns:node:gw1"><rl:display-name>House 1</rl:display-name>
	    <cpns:member roles="sender receiver" delivery="pull" tunnel="192.0.2.1" nets="10.1.0.0/24"/></entry>
	   <entry uri="urn:cpns:node:gw2"><cpns:member delivery="push" tunnel="192.0.2.2" nets="10.2.0.0/24"/></entry>
	  </list>
	  <cpns:group-key location="coaps+tcp://192.0.2.10:5684/ace-group/$1" signer="urn:cpns:signer:main"
	    suite="1" lifetime="86400" atd="4" dtd="8" batch-ms="200" delivery="pull" data="$2" mode="tunnel"/>
	 </list-service></group>
	END
}

# the same without nets: messages need neither them nor tunnels
message_document() {
	group_document "$1" message | sed 's/ tunnel="[^"]*"//; s/ nets="[^"]*"//'
}
