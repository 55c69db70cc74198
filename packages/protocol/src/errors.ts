/**
 * The error catalogue: every refusal that Kuvert can give has a code here, with whether and how to try again and one
 * sentence for people in German and English (design.md §6, wire.md §1). `docs/errors.md` lists the same; a test
 * compares the two.
 */

/** What the one who got the error may do next. `resync` names what to fetch again before the next try. */
export type Retry =
  | { readonly kind: 'never' }
  | { readonly kind: 'now' }
  | { readonly kind: 'after'; readonly ms: number }
  | { readonly kind: 'resync'; readonly what: 'devices' | 'time' | 'version' | 'group' };

interface ErrorEntry {
  /** HTTP status where the error is answered over HTTP. */
  readonly status: number;
  readonly retry: Retry;
  readonly en: string;
  readonly de: string;
}

const NEVER: Retry = { kind: 'never' };
const after = (ms: number): Retry => ({ kind: 'after', ms });

function entry(status: number, retry: Retry, en: string, de: string): ErrorEntry {
  return { status, retry, en, de };
}

/** All errors by code. A code is stable once released; sentences may improve. */
export const ERRORS = {
  // Requests
  bad_request: entry(400, NEVER, 'The request is not well formed.', 'Die Anfrage ist nicht wohlgeformt.'),
  unauthenticated: entry(
    401,
    NEVER,
    'The sender of this request could not be verified.',
    'Der Absender dieser Anfrage konnte nicht geprüft werden.',
  ),
  not_signed_in: entry(
    401,
    NEVER,
    'Nobody is signed in to that server from here; begin with `kuvert admin sign-in`.',
    'Von hier ist bei diesem Server niemand angemeldet; bitte mit `kuvert admin sign-in` beginnen.',
  ),
  not_found: entry(
    404,
    NEVER,
    'There is nothing by that name here.',
    'Unter diesem Namen gibt es hier nichts.',
  ),
  method_unknown: entry(
    404,
    NEVER,
    'The server does not know this method.',
    'Der Server kennt diese Methode nicht.',
  ),
  method_not_allowed: entry(
    405,
    NEVER,
    'This address does not take this HTTP method; the header `Allow` says which ones it takes.',
    'Diese Adresse nimmt diese HTTP-Methode nicht an; die Kopfzeile `Allow` sagt, welche sie annimmt.',
  ),
  too_large: entry(
    413,
    NEVER,
    'This is larger than the server accepts.',
    'Das ist größer, als der Server annimmt.',
  ),
  request_timeout: entry(
    408,
    { kind: 'now' },
    'The request did not arrive in time; send it again.',
    'Die Anfrage kam nicht rechtzeitig an; bitte erneut senden.',
  ),
  origin_refused: entry(
    403,
    NEVER,
    'This server does not talk to web pages; use a Kuvert app.',
    'Dieser Server spricht nicht mit Webseiten; bitte eine Kuvert-App verwenden.',
  ),
  rate_limited: entry(
    429,
    after(10_000),
    'Too many requests; try again a little later.',
    'Zu viele Anfragen; bitte etwas später erneut versuchen.',
  ),
  overloaded: entry(
    503,
    after(1_000),
    'The server is busy and did not accept this; try again shortly.',
    'Der Server ist ausgelastet und hat dies nicht angenommen; bitte gleich erneut versuchen.',
  ),
  store_busy: entry(
    503,
    after(200),
    'Others changed the same data at the same time; try again.',
    'Andere haben gleichzeitig dieselben Daten geändert; bitte erneut versuchen.',
  ),
  disk_full: entry(
    507,
    after(30_000),
    'The disk is full; free some space, then try again.',
    'Der Datenträger ist voll; bitte Platz schaffen und erneut versuchen.',
  ),
  store_unavailable: entry(
    503,
    after(2_000),
    'The database cannot be reached at the moment; try again shortly.',
    'Die Datenbank ist gerade nicht erreichbar; bitte gleich erneut versuchen.',
  ),
  shutting_down: entry(
    503,
    after(2_000),
    'The server is about to stop; connect again shortly.',
    'Der Server wird gerade beendet; bitte gleich neu verbinden.',
  ),
  internal: entry(
    500,
    after(5_000),
    'The server met a fault of its own; it has been logged.',
    'Beim Server ist ein eigener Fehler aufgetreten; er wurde protokolliert.',
  ),
  cursor_invalid: entry(
    400,
    NEVER,
    'This page marker is not valid here; start the list again.',
    'Diese Seitenmarke gilt hier nicht; bitte die Liste neu beginnen.',
  ),

  // Device channel
  version_unsupported: entry(
    426,
    { kind: 'resync', what: 'version' },
    'App and server have no protocol version in common; update the older of the two.',
    'App und Server haben keine gemeinsame Protokollversion; bitte das Ältere aktualisieren.',
  ),
  client_too_old: entry(
    426,
    NEVER,
    'This app is too old for the server; please update it.',
    'Diese App ist zu alt für den Server; bitte aktualisieren.',
  ),
  server_key_unknown: entry(
    421,
    NEVER,
    'This server does not hold the key that the device expects; it may be another server, or somebody in between.',
    'Dieser Server besitzt nicht den Schlüssel, den das Gerät erwartet; es ist vielleicht ein anderer Server oder jemand dazwischen.',
  ),
  channel_broken: entry(
    400,
    { kind: 'now' },
    'The secure connection was disturbed and has been closed; connect again.',
    'Die sichere Verbindung wurde gestört und geschlossen; bitte neu verbinden.',
  ),
  connection_replaced: entry(
    409,
    NEVER,
    'The same device has connected again elsewhere.',
    'Dasselbe Gerät hat sich an anderer Stelle neu verbunden.',
  ),
  connection_expired: entry(
    409,
    { kind: 'now' },
    'The connection has reached its greatest age; connect again.',
    'Die Verbindung hat ihr Höchstalter erreicht; bitte neu verbinden.',
  ),
  device_not_accepted: entry(
    401,
    NEVER,
    'This server does not accept this device; it may have been revoked. Ask your administrator.',
    'Dieser Server akzeptiert dieses Gerät nicht; es wurde vielleicht gesperrt. Bitte die Administration fragen.',
  ),
  person_locked: entry(
    403,
    NEVER,
    'Your administration has locked your access; nothing is lost, and messages wait. Ask your administrator.',
    'Ihre Administration hat Ihren Zugang gesperrt; nichts ist verloren, und Nachrichten warten. Bitte die Administration fragen.',
  ),
  tenant_suspended: entry(
    403,
    after(60_000),
    'This organisation is suspended on this server for now; nothing is lost. Its administrators can read but change nothing.',
    'Diese Organisation ruht auf diesem Server zurzeit; nichts ist verloren. Wer sie administriert, kann lesen, aber nichts ändern.',
  ),

  // Enrolment
  token_malformed: entry(
    400,
    NEVER,
    'This is not a complete enrolment token; copy it again from the beginning to the end.',
    'Das ist kein vollständiges Registrierungs-Token; bitte von Anfang bis Ende neu kopieren.',
  ),
  token_not_valid: entry(
    404,
    NEVER,
    'This enrolment token is not valid here; ask your administrator for a new one.',
    'Dieses Registrierungs-Token gilt hier nicht; bitte die Administration um ein neues bitten.',
  ),
  token_used: entry(
    409,
    NEVER,
    'This enrolment token has already been used; ask your administrator for a new one.',
    'Dieses Registrierungs-Token wurde bereits verwendet; bitte die Administration um ein neues bitten.',
  ),
  token_expired: entry(
    410,
    NEVER,
    'This enrolment token has expired; ask your administrator for a new one.',
    'Dieses Registrierungs-Token ist abgelaufen; bitte die Administration um ein neues bitten.',
  ),
  device_limit: entry(
    409,
    NEVER,
    'This person already has as many devices as possible; revoke one that is no longer used first.',
    'Diese Person hat bereits so viele Geräte wie möglich; bitte zuerst eines sperren, das nicht mehr benutzt wird.',
  ),
  link_needed: entry(
    409,
    NEVER,
    'This person already has a device; link this one with “kuvert link” and approve it on that device.',
    'Diese Person hat bereits ein Gerät; dieses mit „kuvert link“ koppeln und dort bestätigen.',
  ),
  link_malformed: entry(
    400,
    NEVER,
    'This is not a complete link code; copy it again from the beginning to the end.',
    'Das ist kein vollständiger Kopplungscode; bitte von Anfang bis Ende neu kopieren.',
  ),
  link_expired: entry(
    410,
    NEVER,
    'This link code is too old; start the linking again on the new device.',
    'Dieser Kopplungscode ist zu alt; bitte die Kopplung auf dem neuen Gerät neu beginnen.',
  ),
  link_used: entry(
    409,
    NEVER,
    'This link code has already been used; start the linking again on the new device.',
    'Dieser Kopplungscode wurde bereits verwendet; bitte die Kopplung auf dem neuen Gerät neu beginnen.',
  ),
  link_not_confirmed: entry(
    400,
    NEVER,
    'The two devices do not show the same numbers, so nothing was linked; start again on the new device.',
    'Die beiden Geräte zeigen nicht dieselben Ziffern, deshalb wurde nichts gekoppelt; bitte auf dem neuen Gerät neu beginnen.',
  ),
  link_not_trusted: entry(
    403,
    NEVER,
    'What came back does not fit the code that this device shows, so nothing was linked; start again.',
    'Was zurückkam, passt nicht zu dem Code, den dieses Gerät zeigt; deshalb wurde nichts gekoppelt. Bitte neu beginnen.',
  ),
  link_other_server: entry(
    409,
    NEVER,
    'The new device has asked another server than yours; start the linking again with the right address.',
    'Das neue Gerät hat einen anderen Server gefragt als Ihren; bitte die Kopplung mit der richtigen Adresse neu beginnen.',
  ),
  not_a_signer: entry(
    403,
    NEVER,
    'This device may not change your device list; do this on the device that linked it.',
    'Dieses Gerät darf Ihre Geräteliste nicht ändern; bitte auf dem Gerät tun, das es gekoppelt hat.',
  ),
  account_key_awaited: entry(
    403,
    NEVER,
    'Your account key was renewed, and this device has not got the new one yet. Connect another device of yours that may sign, then try again; if you have none, ask your administrator to reset your account.',
    'Ihr Kontoschlüssel wurde erneuert, und dieses Gerät hat den neuen noch nicht. Bitte ein anderes Ihrer Geräte verbinden, das unterschreiben darf, und es dann erneut versuchen; gibt es keines, setzt die Administration das Konto zurück.',
  ),
  device_unknown: entry(
    404,
    NEVER,
    'You have no such device; “kuvert devices list” shows those you have.',
    'Ein solches Gerät haben Sie nicht; „kuvert devices list“ zeigt die vorhandenen.',
  ),
  last_signer: entry(
    409,
    NEVER,
    'This is the only device that may change your device list, so it cannot be taken out of it.',
    'Das ist das einzige Gerät, das Ihre Geräteliste ändern darf; es lässt sich deshalb nicht daraus entfernen.',
  ),
  device_list_invalid: entry(
    400,
    NEVER,
    'The signed device list does not fit this enrolment.',
    'Die signierte Geräteliste passt nicht zu dieser Registrierung.',
  ),

  // Devices, prekeys, mailbox
  prekeys_invalid: entry(
    400,
    NEVER,
    'The uploaded prekeys are not signed by this device.',
    'Die hochgeladenen Prekeys sind nicht von diesem Gerät signiert.',
  ),
  devices_changed: entry(
    409,
    { kind: 'resync', what: 'devices' },
    "The recipient's devices have changed; fetch them and send again.",
    'Die Geräte des Empfängers haben sich geändert; bitte neu abrufen und erneut senden.',
  ),
  no_device: entry(
    409,
    after(60_000),
    'The recipient has no device yet; the message waits here until there is one.',
    'Der Empfänger hat noch kein Gerät; die Nachricht wartet hier, bis es eines gibt.',
  ),
  content_invalid: entry(
    400,
    NEVER,
    'This cannot be sent as it is: a part of it is missing, too long or not of the right form.',
    'So kann das nicht gesendet werden: Ein Teil fehlt, ist zu lang oder hat nicht die richtige Form.',
  ),
  title_invalid: entry(
    400,
    NEVER,
    'A title has 1 to 200 characters on one line, without control characters.',
    'Ein Titel hat 1 bis 200 Zeichen in einer Zeile, ohne Steuerzeichen.',
  ),
  message_deleted: entry(410, NEVER, 'This message was deleted.', 'Diese Nachricht wurde gelöscht.'),
  message_too_new: entry(
    409,
    NEVER,
    'Only a newer version can show this message; after an update it can be reacted to.',
    'Diese Nachricht kann erst eine neuere Version zeigen; nach einer Aktualisierung lässt sich auf sie reagieren.',
  ),
  not_editable: entry(
    400,
    NEVER,
    'Only texts, and what is written about a file, can be edited.',
    'Nur Texte und was zu einer Datei geschrieben wurde lassen sich bearbeiten.',
  ),
  poll_over: entry(400, NEVER, 'This poll has ended.', 'Diese Umfrage ist beendet.'),
  no_file: entry(400, NEVER, 'There is no file in this message.', 'In dieser Nachricht ist keine Datei.'),
  file_unreadable: entry(
    400,
    NEVER,
    'This file cannot be read: it is not there, not yours to read, or not an ordinary file.',
    'Diese Datei lässt sich nicht lesen: Sie fehlt, ist nicht für Sie lesbar oder keine gewöhnliche Datei.',
  ),
  file_changed: entry(
    409,
    { kind: 'now' },
    'The file changed while it was read; try again when it is finished.',
    'Die Datei hat sich beim Lesen verändert; bitte erneut versuchen, wenn sie fertig ist.',
  ),
  attachment_too_large: entry(
    413,
    NEVER,
    'The file is too large: at most 2 GB can be sent.',
    'Die Datei ist zu groß: Es können höchstens 2 GB gesendet werden.',
  ),
  attachment_quota: entry(
    507,
    after(600_000),
    'The server has no room for more files of yours now. Older ones make room when they are deleted or expire.',
    'Der Server hat gerade keinen Platz für weitere Dateien von Ihnen. Ältere machen Platz, wenn sie gelöscht werden oder ablaufen.',
  ),
  attachment_gone: entry(
    410,
    NEVER,
    'The file is no longer on the server, which keeps files for 32 days. Whoever still has it can send it again.',
    'Die Datei liegt nicht mehr auf dem Server, der Dateien 32 Tage aufbewahrt. Wer sie noch hat, kann sie erneut senden.',
  ),
  attachment_damaged: entry(
    422,
    NEVER,
    'The file was changed on its way. Nothing of the changed part was saved.',
    'Die Datei wurde unterwegs verändert. Vom veränderten Teil wurde nichts gespeichert.',
  ),
  attachment_offset: entry(
    409,
    { kind: 'now' },
    'The upload goes on at another place.',
    'Das Hochladen geht an einer anderen Stelle weiter.',
  ),
  capability_invalid: entry(
    401,
    { kind: 'now' },
    'This permission to transfer a file is not valid or no longer valid.',
    'Diese Erlaubnis zum Übertragen einer Datei gilt nicht oder nicht mehr.',
  ),
  id_reused: entry(
    409,
    NEVER,
    'The same submit id was used before for something else.',
    'Dieselbe Sende-Kennung wurde schon für etwas anderes verwendet.',
  ),
  submit_too_old: entry(
    409,
    NEVER,
    'This submit is older than the server remembers; send it as a new one.',
    'Dieser Sendeversuch ist älter, als der Server sich erinnert; bitte neu senden.',
  ),
  submit_too_new: entry(
    409,
    { kind: 'resync', what: 'time' },
    'The clocks of this device and of the server do not agree; send it again by the time of the server.',
    'Die Uhren dieses Geräts und des Servers gehen verschieden; bitte nach der Zeit des Servers erneut senden.',
  ),
  mailbox_full: entry(
    507,
    after(60_000),
    "The recipient's mailbox is full; try again later.",
    'Das Postfach des Empfängers ist voll; bitte später erneut versuchen.',
  ),

  // Administration
  sign_in_failed: entry(
    401,
    NEVER,
    'Mail address, password or second factor do not fit.',
    'Mailadresse, Passwort oder zweiter Faktor passen nicht.',
  ),
  passkey_not_valid: entry(
    400,
    NEVER,
    'This passkey cannot be added: begin again, and let the device verify who you are.',
    'Dieser Passkey kann nicht hinzugefügt werden: neu beginnen und sich dem Gerät gegenüber ausweisen.',
  ),
  browser_request_not_valid: entry(
    404,
    NEVER,
    'This page or answer is not valid: it is too old, was used, or is for another terminal; begin again there.',
    'Diese Seite oder Antwort gilt nicht: Sie ist zu alt, schon benutzt oder für ein anderes Terminal; bitte dort neu beginnen.',
  ),
  not_allowed: entry(
    403,
    NEVER,
    'Your role does not include this; ask an administrator who may grant it.',
    'Ihre Rolle umfasst das nicht; bitte jemanden aus der Administration fragen, der sie vergeben darf.',
  ),
  step_up_required: entry(
    403,
    NEVER,
    'This needs a fresh second factor; show it again, then repeat the request.',
    'Dafür ist ein frischer zweiter Faktor nötig; bitte erneut zeigen und die Anfrage wiederholen.',
  ),
  address_not_allowed: entry(
    403,
    NEVER,
    'From this address you may not administer this; try from a network that your organisation allows.',
    'Von dieser Adresse aus dürfen Sie hier nicht verwalten; bitte aus einem Netz, das Ihre Organisation erlaubt.',
  ),
  address_excluded: entry(
    409,
    NEVER,
    'This would shut out yourself: the address you come from now is in none of these networks.',
    'Damit schlössen Sie sich selbst aus: Die Adresse, von der Sie gerade kommen, liegt in keinem dieser Netze.',
  ),
  passkey_required: entry(
    403,
    NEVER,
    'This needs a passkey: only passkeys are accepted here, or are to be, so have one of your own and use it.',
    'Dafür ist ein Passkey nötig: Hier gelten nur Passkeys, oder sollen es; bitte einen eigenen anlegen und benutzen.',
  ),
  invitation_not_valid: entry(
    404,
    NEVER,
    'This code is not valid, has been used or is too old; ask for a new one. The set-up code is printed when the server starts.',
    'Dieser Code gilt nicht, wurde schon benutzt oder ist zu alt; bitte einen neuen anfordern. Den Einrichtungscode zeigt der Server beim Start.',
  ),
  password_weak: entry(
    422,
    NEVER,
    'This password is too easy to guess; the details say why.',
    'Dieses Passwort ist zu leicht zu erraten; die Einzelheiten sagen, warum.',
  ),
  password_change_required: entry(
    403,
    NEVER,
    'Choose another password first: yours is older than your organisation allows, or is known from a breach; the details say which.',
    'Bitte zuerst ein anderes Passwort wählen: Ihres ist älter, als Ihre Organisation erlaubt, oder aus einem Datenleck bekannt; die Einzelheiten sagen, welches.',
  ),
  version_required: entry(
    428,
    NEVER,
    'Say with If-Match which version you have read.',
    'Bitte mit If-Match angeben, welche Version gelesen wurde.',
  ),
  version_conflict: entry(
    412,
    NEVER,
    'Somebody else has changed this meanwhile; read it again.',
    'Jemand anderes hat das inzwischen geändert; bitte neu lesen.',
  ),
  idempotency_key_reused: entry(
    422,
    NEVER,
    'This idempotency key was used before with another request; use a new key.',
    'Dieser Idempotenzschlüssel wurde schon mit einer anderen Anfrage benutzt; bitte einen neuen verwenden.',
  ),
  last_administrator: entry(
    409,
    NEVER,
    'This is the last one who may administer this; name somebody else first.',
    'Das ist die letzte Person, die hier verwalten darf; bitte zuerst jemand anderen benennen.',
  ),
  administrator_present: entry(
    409,
    NEVER,
    'This tenant has an administrator already, who invites all others.',
    'Dieser Mandant hat bereits eine Administration; sie lädt alle anderen ein.',
  ),
  approval_own: entry(
    403,
    NEVER,
    'Somebody else has to approve this; nobody approves their own request.',
    'Das muss jemand anderes freigeben; niemand gibt die eigene Anfrage frei.',
  ),
  approval_over: entry(
    409,
    NEVER,
    'This request has been decided or has expired; ask for it anew.',
    'Über diese Anfrage ist entschieden, oder sie ist abgelaufen; bitte neu beantragen.',
  ),
  feature_denied: entry(
    403,
    NEVER,
    'Your organisation has switched this off for you; ask your administrator.',
    'Ihre Organisation hat das für Sie abgeschaltet; bitte die Administration fragen.',
  ),

  // Operator
  mail_taken: entry(
    409,
    NEVER,
    'Somebody in this tenant already has this mail address.',
    'Jemand in diesem Mandanten hat diese Mailadresse bereits.',
  ),
  server_not_running: entry(
    503,
    NEVER,
    'No server is running on this data folder; start it first (npm start).',
    'Auf diesem Datenordner läuft kein Server; bitte zuerst starten (npm start).',
  ),

  // Starting and stopping
  config_invalid: entry(500, NEVER, 'A setting is not valid.', 'Eine Einstellung ist ungültig.'),
  port_in_use: entry(
    500,
    NEVER,
    'Another program already uses this port; stop it or choose another with KUVERT_PORT or KUVERT_OPS_PORT.',
    'Ein anderes Programm benutzt diesen Port bereits; bitte beenden oder mit KUVERT_PORT oder KUVERT_OPS_PORT einen anderen wählen.',
  ),
  tls_required: entry(
    500,
    NEVER,
    'To listen beyond this machine, give TLS files or KUVERT_PUBLIC_URL=https://… for a proxy in front.',
    'Um über diese Maschine hinaus zu lauschen, bitte TLS-Dateien angeben oder KUVERT_PUBLIC_URL=https://… für einen vorgeschalteten Proxy.',
  ),
  data_in_use: entry(
    500,
    NEVER,
    'Another process is using this data folder; stop it first or choose another with KUVERT_DATA.',
    'Ein anderer Prozess benutzt diesen Datenordner; bitte zuerst beenden oder mit KUVERT_DATA einen anderen wählen.',
  ),
  data_too_new: entry(
    500,
    NEVER,
    'This data was written by a newer version of Kuvert; start that version or a later one.',
    'Diese Daten stammen von einer neueren Version von Kuvert; bitte diese oder eine spätere starten.',
  ),
  data_damaged: entry(
    500,
    NEVER,
    'The data folder is damaged; restore it from a backup.',
    'Der Datenordner ist beschädigt; bitte aus einer Sicherung wiederherstellen.',
  ),
  store_unsafe: entry(
    500,
    NEVER,
    'This database does not keep the promises that Kuvert makes, see docs/operating-mongodb.md.',
    'Diese Datenbank hält nicht, was Kuvert verspricht, siehe docs/operating-mongodb.md.',
  ),
  store_denied: entry(
    500,
    NEVER,
    'The database refuses this user, password or certificate, or the role lacks a privilege, see docs/operating-mongodb.md.',
    'Die Datenbank weist Benutzer, Passwort oder Zertifikat zurück, oder der Rolle fehlt ein Recht, siehe docs/operating-mongodb.md.',
  ),
  store_in_use: entry(
    500,
    NEVER,
    'Others are at work on this database: stop all servers before data is moved, and wait for its end before they start.',
    'Auf dieser Datenbank arbeiten andere: vor dem Umzug von Daten alle Server beenden, und sie erst danach wieder starten.',
  ),
  store_not_empty: entry(
    500,
    NEVER,
    'There is data at the target already; choose an empty place.',
    'Am Ziel liegen schon Daten; bitte einen leeren Ort wählen.',
  ),
  store_empty: entry(
    500,
    NEVER,
    'There is no data here that could be taken along.',
    'Hier liegen keine Daten, die sich mitnehmen ließen.',
  ),
  store_elsewhere: entry(
    500,
    NEVER,
    'The data folder holds an installation, and the database in KUVERT_STORE is empty; bring the data there with kuvert store copy, or use another data folder.',
    'Im Datenordner liegt eine Installation, und die Datenbank in KUVERT_STORE ist leer; bitte die Daten mit kuvert store copy dorthin bringen oder einen anderen Datenordner verwenden.',
  ),
  finalise_first: entry(
    500,
    NEVER,
    'This data is two releases behind; start the release in between and run kuvert store finalise there first.',
    'Diese Daten sind zwei Versionen zurück; bitte zuerst die Version dazwischen starten und dort kuvert store finalise ausführen.',
  ),
  restore_unfinished: entry(
    500,
    NEVER,
    'A restore has not come to its end; run the same kuvert store restore again.',
    'Eine Wiederherstellung ist nicht zu Ende gekommen; bitte dasselbe kuvert store restore noch einmal ausführen.',
  ),
  ledger_damaged: entry(
    500,
    NEVER,
    'The ledger of revocations is damaged; put back the copy that belongs to this installation (KUVERT_LEDGER).',
    'Das Verzeichnis der Sperrungen ist beschädigt; bitte die Kopie zurücklegen, die zu dieser Installation gehört (KUVERT_LEDGER).',
  ),
  backup_damaged: entry(
    500,
    NEVER,
    'This backup is damaged or not complete; use another one.',
    'Diese Sicherung ist beschädigt oder unvollständig; bitte eine andere verwenden.',
  ),
  keys_missing: entry(
    500,
    NEVER,
    'The keys for this data folder are missing; put the keys folder back in place (KUVERT_KEYS).',
    'Die Schlüssel zu diesem Datenordner fehlen; bitte den Schlüsselordner zurücklegen (KUVERT_KEYS).',
  ),
  keys_wrong: entry(
    500,
    NEVER,
    'The keys do not fit this data folder; use the keys folder that belongs to it (KUVERT_KEYS).',
    'Die Schlüssel passen nicht zu diesem Datenordner; bitte den zugehörigen Schlüsselordner verwenden (KUVERT_KEYS).',
  ),
  keys_open: entry(
    500,
    NEVER,
    'Other users of this machine can read this key file; take that right from them (chmod o-rwx, or chmod 600).',
    'Andere Benutzer dieser Maschine können diese Schlüsseldatei lesen; bitte dieses Recht entziehen (chmod o-rwx oder chmod 600).',
  ),
  keys_inside_data: entry(
    500,
    NEVER,
    'The keys folder must not lie inside the data folder; choose another place with KUVERT_KEYS.',
    'Der Schlüsselordner darf nicht im Datenordner liegen; bitte mit KUVERT_KEYS einen anderen Ort wählen.',
  ),
  folder_in_use: entry(
    500,
    NEVER,
    'Another process is using this folder; stop it first.',
    'Ein anderer Prozess benutzt diesen Ordner; bitte zuerst beenden.',
  ),
  folder_not_owned: entry(
    500,
    NEVER,
    'This folder belongs to another user; choose a folder of your own or change its owner.',
    'Dieser Ordner gehört einem anderen Benutzer; bitte einen eigenen wählen oder den Eigentümer ändern.',
  ),
  folder_read_only: entry(
    500,
    NEVER,
    'This folder cannot be written to; check its permissions and whether the disk is read-only.',
    'In diesen Ordner kann nicht geschrieben werden; bitte Rechte und Schreibschutz prüfen.',
  ),
  folder_is_file: entry(
    500,
    NEVER,
    'What stands at this place is no folder; name another one.',
    'An dieser Stelle steht kein Ordner; bitte einen anderen nennen.',
  ),

  // Clients
  usage: entry(
    400,
    NEVER,
    'The command was not understood; see --help.',
    'Der Befehl wurde nicht verstanden; siehe --help.',
  ),
  server_unreachable: entry(
    503,
    after(5_000),
    'The server cannot be reached right now.',
    'Der Server ist zurzeit nicht erreichbar.',
  ),
  plain_http_refused: entry(
    400,
    NEVER,
    'A server on another machine is only reached by https.',
    'Ein Server auf einer anderen Maschine wird nur über https angesprochen.',
  ),
  profile_exists: entry(
    409,
    NEVER,
    'This profile folder already holds a device; choose another folder.',
    'Dieser Profilordner enthält bereits ein Gerät; bitte einen anderen wählen.',
  ),
  profile_missing: entry(
    404,
    NEVER,
    'There is no enrolled device in this profile folder; enrol one first (kuvert enrol).',
    'In diesem Profilordner ist kein Gerät registriert; bitte zuerst eines registrieren (kuvert enrol).',
  ),
  profile_in_use: entry(
    409,
    after(1_000),
    'Another command is using this profile right now; wait for it to end.',
    'Ein anderer Befehl benutzt dieses Profil gerade; bitte dessen Ende abwarten.',
  ),
  container_wrong_passphrase: entry(
    401,
    NEVER,
    'The secret does not open this profile.',
    'Das Geheimnis öffnet dieses Profil nicht.',
  ),
  container_damaged: entry(
    500,
    NEVER,
    'This profile is damaged and cannot be opened.',
    'Dieses Profil ist beschädigt und lässt sich nicht öffnen.',
  ),
  container_too_new: entry(
    500,
    NEVER,
    'This profile was written by a newer version of Kuvert; update this one.',
    'Dieses Profil stammt von einer neueren Version von Kuvert; bitte diese aktualisieren.',
  ),
  secret_missing: entry(
    400,
    NEVER,
    'The secret file is missing, empty or longer than 4 KiB; give one with --secret-file.',
    'Die Geheimnisdatei fehlt, ist leer oder länger als 4 KiB; bitte eine mit --secret-file angeben.',
  ),
  recipient_unknown: entry(
    404,
    NEVER,
    'Nobody in your organisation has this mail address.',
    'Niemand in Ihrer Organisation hat diese Mailadresse.',
  ),
  recipient_self: entry(
    400,
    NEVER,
    'Writing to yourself is not possible yet.',
    'An sich selbst zu schreiben ist noch nicht möglich.',
  ),
  keys_unconfirmed: entry(
    403,
    NEVER,
    "This message waits until you have compared or accepted the recipient's keys.",
    'Diese Nachricht wartet, bis Sie die Schlüssel des Empfängers verglichen oder angenommen haben.',
  ),
  safety_mismatch: entry(
    409,
    NEVER,
    'This is not the safety number of this conversation: do not write anything confidential until you know why.',
    'Das ist nicht die Sicherheitsnummer dieser Unterhaltung: Schreiben Sie nichts Vertrauliches, bevor Sie wissen, warum.',
  ),
  safety_malformed: entry(
    400,
    NEVER,
    "A safety number has 60 digits; a code begins with KUVERT:SAFETY: and is read from the other person's screen.",
    'Eine Sicherheitsnummer hat 60 Ziffern; ein Code beginnt mit KUVERT:SAFETY: und wird vom Bildschirm der anderen Person gelesen.',
  ),
  set_by_policy: entry(
    403,
    NEVER,
    'Your organisation has decided this; your choice is kept and holds once it no longer does.',
    'Das hat Ihre Organisation entschieden; Ihre Wahl ist gemerkt und gilt, sobald das nicht mehr so ist.',
  ),
  not_own_message: entry(
    403,
    NEVER,
    'Only messages of your own can be edited, ended or deleted for everybody; this one can be deleted for you.',
    'Nur eigene Nachrichten lassen sich bearbeiten, beenden oder für alle löschen; diese lässt sich für Sie löschen.',
  ),
  message_unknown: entry(
    404,
    NEVER,
    'This profile has no message with that id.',
    'Dieses Profil hat keine Nachricht mit dieser Kennung.',
  ),
  text_too_long: entry(
    413,
    NEVER,
    'The text is longer than 60,000 characters.',
    'Der Text ist länger als 60.000 Zeichen.',
  ),
  unexpected: entry(
    500,
    NEVER,
    'This command stopped because of a fault of its own; please report it.',
    'Dieser Befehl hat wegen eines eigenen Fehlers aufgehört; bitte melden.',
  ),
  text_not_utf8: entry(400, NEVER, 'The text is not valid UTF-8.', 'Der Text ist kein gültiges UTF-8.'),
  identity_not_trusted: entry(
    403,
    NEVER,
    'The keys that the server gave for this person do not bear the signatures of your organisation; nothing was sent.',
    'Die Schlüssel, die der Server für diese Person nannte, tragen nicht die Signaturen Ihrer Organisation; nichts wurde gesendet.',
  ),
  identity_rolled_back: entry(
    403,
    NEVER,
    'The server gave an older device list than this device has already seen; nothing was sent. If the server was put back from a backup, this is mended once its person connects a device that may sign.',
    'Der Server nannte eine ältere Geräteliste, als dieses Gerät bereits kennt; nichts wurde gesendet. Wurde der Server aus einer Sicherung zurückgeholt, behebt es sich, sobald die Person ein Gerät verbindet, das unterschreiben darf.',
  ),
  identity_changed: entry(
    403,
    NEVER,
    "This person's account key has changed; nothing was sent until you have checked why.",
    'Der Kontoschlüssel dieser Person hat sich geändert; nichts wurde gesendet, bis Sie den Grund geprüft haben.',
  ),
  // Groups
  group_changed: entry(
    409,
    { kind: 'resync', what: 'group' },
    'The group has changed meanwhile; the app fetches what is new and tries again.',
    'Die Gruppe hat sich inzwischen geändert; die App holt das Neue und versucht es noch einmal.',
  ),
  group_forbidden: entry(
    403,
    NEVER,
    'Your role in this group does not allow that; ask somebody who administers it.',
    'Ihre Rolle in dieser Gruppe erlaubt das nicht; fragen Sie jemanden, der sie verwaltet.',
  ),
  group_not_member: entry(
    403,
    NEVER,
    'You are not in this group any more. What you received stays here; somebody who administers it can add you again.',
    'Sie sind nicht mehr in dieser Gruppe. Was Sie erhalten haben, bleibt hier; wer sie verwaltet, kann Sie wieder aufnehmen.',
  ),
  group_dissolved: entry(
    410,
    NEVER,
    'This group is dissolved: nobody can write to it or change it any more. What was said stays here.',
    'Diese Gruppe ist aufgelöst: Niemand kann mehr hineinschreiben oder sie ändern. Was gesagt wurde, bleibt hier.',
  ),
  group_ambiguous: entry(
    400,
    NEVER,
    'Several groups have this title; name the one you mean by its id (gr_…), which “kuvert group list” shows.',
    'Mehrere Gruppen haben diesen Titel; nennen Sie die gemeinte mit ihrer Kennung (gr_…), die „kuvert group list“ zeigt.',
  ),
  group_leave_instead: entry(
    400,
    NEVER,
    'You cannot take yourself out of a group like this; leave it instead.',
    'Sich selbst nimmt man so nicht aus einer Gruppe; verlassen Sie sie stattdessen.',
  ),
  group_invalid: entry(
    422,
    NEVER,
    'This change does not fit the group as it is: look at its members and try again.',
    'Diese Änderung passt nicht zum Stand der Gruppe: Sehen Sie die Mitglieder an und versuchen Sie es noch einmal.',
  ),
  group_full: entry(
    409,
    NEVER,
    'A group has at most 1,000 people.',
    'Eine Gruppe hat höchstens 1.000 Personen.',
  ),
  group_not_trusted: entry(
    403,
    NEVER,
    'The server gave a membership list of this group that its members have not signed; nothing of it is used.',
    'Der Server nannte für diese Gruppe eine Mitgliederliste, die ihre Mitglieder nicht signiert haben; nichts davon wird verwendet.',
  ),
  exchange_refused: entry(
    403,
    NEVER,
    'Your organisation does not allow messages between you and this person.',
    'Ihre Organisation erlaubt keine Nachrichten zwischen Ihnen und dieser Person.',
  ),
} as const satisfies Record<string, ErrorEntry>;

/** A code of the catalogue. */
export type ErrorCode = keyof typeof ERRORS;

/** Facts that travel with an error: ids, numbers and code words only, never content or personal data. */
export type ErrorDetails = { readonly [key: string]: string | number | boolean | readonly string[] };

/** An expected failure, with a code from the catalogue. Impossible states are assertions instead. */
export class KuvertError extends Error {
  override readonly name = 'KuvertError';
  readonly code: ErrorCode;
  readonly retry: Retry;
  readonly details: ErrorDetails | undefined;

  constructor(code: ErrorCode, options: { details?: ErrorDetails; retry?: Retry; cause?: unknown } = {}) {
    super(code, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retry = wholeMs(options.retry ?? ERRORS[code].retry);
    this.details = options.details;
  }
}

/** The longest pause that an error may name, a day. */
export const RETRY_AFTER_MS_MAX = 86_400_000;

/**
 * Clocks and spreading give fractions, which no client takes (`WireError`): a refusal that cannot be read would end the connection
 * instead of slowing it down.
 */
function wholeMs(retry: Retry): Retry {
  if (retry.kind !== 'after') return retry;
  return { kind: 'after', ms: Math.min(RETRY_AFTER_MS_MAX, Math.max(0, Math.ceil(retry.ms))) };
}

/** The sentence for people, in their language. */
export function sentenceFor(code: ErrorCode, language: 'en' | 'de'): string {
  return ERRORS[code][language];
}

/** True when `text` is a code of the catalogue. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text);
}
